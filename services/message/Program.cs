using Tertulia.Bus;
using Tertulia.Hosting;
using Tertulia.Messages;

return await Startup.RunAsync(() =>
{
    var builder = Startup.CreateBuilder(args);
    builder.AddDefaults("message");
    builder.Services.AddLiveBus().AddMessageService();

    var app = builder.Build();
    app.MapDefaults();
    app.MapMessageService();
    return app;
});
