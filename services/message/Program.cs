using Tertulia.Bus;
using Tertulia.Hosting;
using Tertulia.Messages;

var builder = WebApplication.CreateBuilder(args);
builder.AddDefaults("message");
builder.Services.AddLiveBus().AddMessageService();

var app = builder.Build();
app.MapDefaults();
app.MapMessageService();
await app.RunAsync();
