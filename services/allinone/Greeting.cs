using Microsoft.Extensions.Options;
using Tertulia.Connections.Auth;
using Tertulia.Hosting;

namespace Tertulia.AllInOne;

/// <summary>The few lines that the person who started the process needs. Only where the log goes to a file: else they would be lost in it.</summary>
internal static class Greeting
{
    /// <summary>Writes them to the console when the process takes clients.</summary>
    public static void WriteWhenStarted(WebApplication app)
    {
        if (app.Services.GetRequiredService<IOptions<LogOptions>>().Value.Folder is { Length: > 0 } logs)
        {
            var door = Doors(app.Configuration["urls"]).FirstOrDefault() ?? new Uri("http://127.0.0.1:8000");
            var mode = app.Services.GetRequiredService<IOptions<AuthOptions>>().Value.Mode;
            var data = app.Services.GetRequiredService<DataFolder>().FullPath;
            app.Lifetime.ApplicationStarted.Register(() => Console.WriteLine(Text(door, mode, data, Path.GetFullPath(logs))));
        }
    }

    internal static string Text(Uri door, AuthMode mode, string data, string logs)
    {
        var webSocket = $"ws://{door.Authority}";
        var chat = door.Port == 8000 && door.IsLoopback ? "./dev chat 1 --name Ana" : $"./dev chat 1 --name Ana --url {webSocket}";
        var token = mode == AuthMode.Development ? "" : " (with a token in TERTULIA_TOKEN)";
        var query = mode == AuthMode.Development ? "?user_id=1&username=Juan" : "?token=…";
        return $"""

            Tertulia is running.

              Open       {door}
              Chat       {chat}{token}
              Connect    {webSocket}/ws/1{query}
              Data       {data}
              Log        {Path.Combine(logs, LogOptions.FileName)}

            Ctrl-C stops it.

            """;
    }

    // http://*:8000 is reached here as http://127.0.0.1:8000.
    private static IEnumerable<Uri> Doors(string? urls) => (urls ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
        .Select(url => url.Replace("*", "127.0.0.1", StringComparison.Ordinal).Replace("+", "127.0.0.1", StringComparison.Ordinal).Replace("0.0.0.0", "127.0.0.1", StringComparison.Ordinal))
        .Where(url => url.StartsWith("http", StringComparison.OrdinalIgnoreCase) && Uri.IsWellFormedUriString(url, UriKind.Absolute))
        .Select(url => new Uri(url));
}
