using Tertulia.Rival.SignalR;

// The SignalR hub that the benchmark measures Tertulia against: in memory, nothing is stored.
//   dotnet Tertulia.Rival.SignalR.dll --urls http://127.0.0.1:9000
var builder = WebApplication.CreateBuilder(args);
builder.Logging.SetMinimumLevel(LogLevel.Warning);
builder.Services.AddSignalR();

var app = builder.Build();
app.MapHub<RoomHub>("/rooms");
await app.RunAsync();
