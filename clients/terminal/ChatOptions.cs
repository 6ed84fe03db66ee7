using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;

namespace Tertulia.Chat;

/// <summary>What the command line and the environment say.</summary>
/// <param name="Room">Room to enter.</param>
/// <param name="Name">Shown to the others.</param>
/// <param name="UserId">Identity in development mode.</param>
/// <param name="Url">Server, <c>ws://</c> or <c>wss://</c>, without a path.</param>
/// <param name="Token">Sent as <c>Authorization: Bearer</c>; null in development mode.</param>
internal sealed partial record ChatOptions(string Room, string Name, string UserId, Uri Url, string? Token)
{
    private const string Usage = """
        ./dev chat ROOM [--name Ana] [--url ws://127.0.0.1:8000]
        ROOM: 1 to 128 characters of A-Z a-z 0-9 _ - : .
        Environment: USERNAME and USER_ID (who), TERTULIA_TOKEN (a token, where the server asks for one)
        While it runs: /ping /typing /stats /quit; everything else is sent to the room.
        """;

    /// <param name="args">The command line.</param>
    /// <param name="environment">Reads a variable; null when it is not set.</param>
    /// <param name="options">When it returns true.</param>
    /// <param name="problem">When it returns false: what is wrong and how to call it.</param>
    public static bool TryParse(
        IReadOnlyList<string> args, Func<string, string?> environment,
        [NotNullWhen(true)] out ChatOptions? options, [NotNullWhen(false)] out string? problem)
    {
        (options, problem) = (null, null);
        string? room = null;
        var name = environment("USERNAME");
        var url = "ws://127.0.0.1:8000";
        for (var i = 0; i < args.Count; i++)
        {
            var value = i + 1 < args.Count ? args[i + 1] : null;
            switch (args[i])
            {
                case "--name" when value is not null:
                    name = value;
                    i++;
                    break;
                case "--url" when value is not null:
                    url = value;
                    i++;
                    break;
                case var argument when room is null && !argument.StartsWith('-'):
                    room = argument;
                    break;
                default:
                    problem = $"Unknown or incomplete argument: {args[i]}\n{Usage}";
                    return false;
            }
        }

        if (room is null || !RoomId().IsMatch(room))
        {
            problem = room is null ? Usage : $"Not a room: {room}\n{Usage}";
            return false;
        }

        if (!Uri.TryCreate(url, UriKind.Absolute, out var address) || address.Scheme is not ("ws" or "wss"))
        {
            problem = $"Not a ws:// or wss:// address: {url}\n{Usage}";
            return false;
        }

        name = string.IsNullOrWhiteSpace(name) ? Environment.UserName : name;
        var userId = environment("USER_ID") is { Length: > 0 } id ? id : name;
        options = new ChatOptions(room, name, userId, address, environment("TERTULIA_TOKEN") is { Length: > 0 } token ? token : null);
        return true;
    }

    /// <summary>Where to connect; with a position, what was missed since it comes first.</summary>
    public Uri SocketUrl(string? epoch, long lastSeq)
    {
        var identity = Token is null ? $"user_id={Uri.EscapeDataString(UserId)}&username={Uri.EscapeDataString(Name)}" : "";
        var position = epoch is null ? "" : $"&last_seq={lastSeq}&epoch={Uri.EscapeDataString(epoch)}";
        return new Uri(Url, $"/ws/{Uri.EscapeDataString(Room)}?{(identity + position).TrimStart('&')}");
    }

    /// <summary>The server's counts.</summary>
    public Uri StatsUrl => new UriBuilder(new Uri(Url, "/ws/stats")) { Scheme = Url.Scheme == "wss" ? "https" : "http", Port = Url.Port }.Uri;

    [GeneratedRegex(@"^[A-Za-z0-9_\-:.]{1,128}$", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex RoomId();
}
