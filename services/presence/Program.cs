using Tertulia.Bus;
using Tertulia.Hosting;
using Tertulia.Presence;

return await Startup.RunAsync(() =>
{
    var builder = Startup.CreateBuilder(args);
    builder.AddDefaults("presence");
    builder.Services.AddLiveBus().AddPresenceService();

    var app = builder.Build();
    app.MapDefaults();
    app.MapPresenceService();
    return app;
});
