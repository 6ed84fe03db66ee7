using Tertulia.Bus;
using Tertulia.Connections;
using Tertulia.Hosting;

var builder = WebApplication.CreateBuilder(args);
builder.AddDefaults("connection");
builder.Services.AddLiveBus().AddConnectionService();

var app = builder.Build();
app.MapDefaults();
app.MapConnectionService();
await app.RunAsync();
