using Tertulia.Bus;
using Tertulia.Connections;
using Tertulia.Hosting;

return await Startup.RunAsync(() =>
{
    var builder = Startup.CreateBuilder(args);
    builder.AddDefaults("connection");
    builder.Services.AddLiveBus().AddConnectionService();

    var app = builder.Build();
    app.MapDefaults();
    app.MapConnectionService();
    return app;
});
