using Tertulia.Bus;
using Tertulia.FaultHost;
using Tertulia.Hosting;
using Tertulia.Messages;
using Tertulia.Notifications;

// The message or the notification service, as it is, on a bus that fails when a test wants it to.
return await Startup.RunAsync(() =>
{
    var service = args[0];
    var builder = WebApplication.CreateBuilder(args[1..]);
    builder.AddDefaults(service);
    builder.Services.AddLiveBus();
    var bus = builder.Services.Last(registered => registered.ServiceType == typeof(ILiveBus));
    builder.Services.AddSingleton<ILiveBus>(provider => new FaultBus((ILiveBus)bus.ImplementationFactory!(provider), builder.Configuration["Fault:Folder"]!));
    if (service == "message")
    {
        builder.Services.AddMessageService();
    }
    else
    {
        builder.Services.AddNotificationService();
    }

    var app = builder.Build();
    app.MapDefaults();
    if (service == "message")
    {
        app.MapMessageService();
    }
    else
    {
        app.MapNotificationService();
    }

    return app;
});
