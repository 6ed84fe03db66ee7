using Tertulia.Gateway;
using Tertulia.Hosting;

return await Startup.RunAsync(() =>
{
    var builder = Startup.CreateBuilder(args);
    builder.AddDefaults("gateway");
    builder.AddGateway();

    var app = builder.Build();
    app.MapDefaults();
    app.MapGateway();
    return app;
});
