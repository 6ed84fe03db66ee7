using Tertulia.AllInOne;
using Tertulia.Bus;
using Tertulia.Connections;
using Tertulia.Hosting;
using Tertulia.Messages;
using Tertulia.Notifications;
using Tertulia.Presence;

return await Startup.RunAsync(() =>
{
    var builder = Startup.CreateBuilder(args);
    builder.AddEmbeddedParts();
    builder.AddDefaults("allinone");
    builder.Services.AddLiveBus().AddMessageService().AddPresenceService().AddNotificationService().AddConnectionService();

    var app = builder.Build();
    app.MapDefaults();
    app.MapMessageService();
    app.MapPresenceService();
    app.MapNotificationService();
    app.MapConnectionService();
    Greeting.WriteWhenStarted(app);
    return app;
});
