using Tertulia.Bus;
using Tertulia.Hosting;
using Tertulia.Notifications;

return await Startup.RunAsync(() =>
{
    var builder = Startup.CreateBuilder(args);
    builder.AddDefaults("notification");
    builder.Services.AddLiveBus().AddNotificationService();

    var app = builder.Build();
    app.MapDefaults();
    app.MapNotificationService();
    return app;
});
