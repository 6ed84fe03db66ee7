using Tertulia.Gateway;
using Tertulia.Hosting;

var builder = WebApplication.CreateBuilder(args);
builder.AddDefaults("gateway");
builder.AddGateway();

var app = builder.Build();
app.MapDefaults();
app.MapGateway();
await app.RunAsync();
