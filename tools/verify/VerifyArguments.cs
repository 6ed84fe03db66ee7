using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Tertulia.Verify;

/// <summary>The command line.</summary>
internal sealed record VerifyArguments
{
    /// <summary>What it takes.</summary>
    public const string Usage = """
        Tertulia.Verify --url=http://host:port [--url=...] [--clients=20] [--rooms=4] [--messages=300] [--within=120]
                        [--seconds=0] [--storms=0] [--issuer=I] [--audience=A] [--key-id=K]
        Clients talk in new rooms, and what each of them was shown is held against the rooms' histories: nothing acknowledged is lost, nothing is
        shown twice or out of order, all read the same. Prints a report; the exit code is 0 when all guarantees held, 1 when not.
        They talk until so many messages are acknowledged and so many seconds have passed; at each storm all connections are cut at once.
        In the environment TERTULIA_VERIFY_SECRET signs the clients' tokens (HS256), or TERTULIA_VERIFY_KEY does, a private key as PEM (ES256, RS256; --key-id
        is its kid). Without either they come by their user_id (Auth__Mode=Development).
        """;

    /// <summary>Doors; clients take them in turn.</summary>
    public IReadOnlyList<Uri> Urls { get; init; } = [];

    public int Clients { get; init; } = 20;

    public int Rooms { get; init; } = 4;

    public int Messages { get; init; } = 300;

    /// <summary>Longest time for all messages to be acknowledged.</summary>
    public TimeSpan Within { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>Shortest time for which they talk.</summary>
    public TimeSpan Talking { get; init; }

    /// <summary>How often all connections are cut at once.</summary>
    public int Storms { get; init; }

    public string Issuer { get; init; } = "";

    public string Audience { get; init; } = "";

    public string KeyId { get; init; } = "";

    public static bool TryParse(IEnumerable<string> args, [NotNullWhen(true)] out VerifyArguments? arguments, [NotNullWhen(false)] out string? problem)
    {
        (arguments, problem) = (null, null);
        var wanted = new VerifyArguments();
        foreach (var arg in args)
        {
            var (name, value) = arg.IndexOf('=', StringComparison.Ordinal) is > 0 and var at ? (arg[..at], arg[(at + 1)..]) : (arg, "");
            var isNumber = int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0;
            switch (name)
            {
                case "--url" when Uri.TryCreate(value, UriKind.Absolute, out var url) && url.Scheme is "http" or "https":
                    wanted = wanted with { Urls = [.. wanted.Urls, url] };
                    break;
                case "--clients" when number > 1:
                    wanted = wanted with { Clients = number };
                    break;
                case "--rooms" when isNumber:
                    wanted = wanted with { Rooms = number };
                    break;
                case "--messages" when isNumber:
                    wanted = wanted with { Messages = number };
                    break;
                case "--within" when isNumber:
                    wanted = wanted with { Within = TimeSpan.FromSeconds(number) };
                    break;
                case "--seconds" when isNumber:
                    wanted = wanted with { Talking = TimeSpan.FromSeconds(number) };
                    break;
                case "--storms" when isNumber:
                    wanted = wanted with { Storms = number };
                    break;
                case "--issuer":
                    wanted = wanted with { Issuer = value };
                    break;
                case "--key-id":
                    wanted = wanted with { KeyId = value };
                    break;
                case "--audience":
                    wanted = wanted with { Audience = value };
                    break;
                default:
                    problem = $"Unknown or incomplete argument: {arg}";
                    return false;
            }
        }

        problem = wanted.Urls.Count == 0 ? "--url is missing" : wanted.Rooms > wanted.Clients / 2 ? "A room needs two clients" : null;
        arguments = problem is null ? wanted : null;
        return problem is null;
    }
}
