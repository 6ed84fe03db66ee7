using Tertulia.Bus;
using Tertulia.Hosting;
using Tertulia.Presence;

var builder = WebApplication.CreateBuilder(args);
builder.AddDefaults("presence");
builder.Services.AddLiveBus().AddPresenceService();

var app = builder.Build();
app.MapDefaults();
app.MapPresenceService();
await app.RunAsync();
