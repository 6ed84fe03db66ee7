using System.Globalization;
using Tertulia.Load.Contenders;
using Tertulia.Load.Measuring;
using Tertulia.Load.Scenarios;
using Tertulia.Testing;

namespace Tertulia.Load;

/// <summary>What the command line asks for.</summary>
internal sealed record BenchOptions(
    IReadOnlyList<Scenario> Scenarios, IReadOnlyList<string> Contenders, Pace Pace, int Repeats, string ResultsFolder, string Name,
    ClusterLayout Cluster, IReadOnlyDictionary<string, string> Settings, bool IsProfiled)
{
    /// <summary>For <c>--help</c> and after a mistake.</summary>
    public static string Usage { get; } = $"""
        ./dev bench [scenario…] [options]
          scenarios     {string.Join(' ', Scenario.All.Select(scenario => scenario.Name))}, or ramp for both ramps; default all
          --against A,B what is measured: {string.Join(',', Lineup.All.Keys)}; default all
          --quick       short windows: for a look, not for figures
          --repeats N   interleaved repeats, the table has their medians; default 3, 1 with --quick
          --seconds N   length of the measured window
          --clients N --rooms N --rate N --bytes N   instead of the scenarios' own
          --gateways N --connections N --messages N --presences N   processes of the cluster
          --set KEY=VALUE   environment of the measured processes, for comparisons; may be repeated
          --profile     also writes where the CPU goes, by process and function (needs perf; the figures suffer)
          --out DIR     where the results go; default bench/results, with --quick bench/results/quick.local
          --name NAME   name of the files; default the time
        """;

    /// <exception cref="ArgumentException">It cannot be understood.</exception>
    public static BenchOptions Parse(string[] arguments)
    {
        List<string> names = [];
        Dictionary<string, string> values = [];
        Dictionary<string, string> settings = [];
        var (isQuick, isProfiled) = (false, false);
        for (var i = 0; i < arguments.Length; i++)
        {
            switch (arguments[i])
            {
                case "--quick":
                    isQuick = true;
                    break;
                case "--profile":
                    isProfiled = true;
                    break;
                case "--set":
                    var pair = i + 1 < arguments.Length ? arguments[i + 1].Split('=', 2) : [];
                    settings[pair.Length == 2 ? pair[0] : throw new ArgumentException("--set needs KEY=VALUE")] = pair[1];
                    i++;
                    break;
                case "--against" or "--repeats" or "--seconds" or "--clients" or "--rooms" or "--rate" or "--bytes" or "--out" or "--name"
                    or "--gateways" or "--connections" or "--messages" or "--presences":
                    values[arguments[i]] = i + 1 < arguments.Length ? arguments[i + 1] : throw new ArgumentException($"{arguments[i]} needs a value");
                    i++;
                    break;
                case ['-', ..]:
                    throw new ArgumentException($"{arguments[i]} is not known");
                default:
                    names.Add(arguments[i]);
                    break;
            }
        }

        int? Number(string name) => values.TryGetValue(name, out var text)
            ? int.TryParse(text, CultureInfo.InvariantCulture, out var number) && number > 0 ? number : throw new ArgumentException($"{name} {text} is not a number above 0")
            : null;

        var pace = isQuick ? Pace.Quick : Pace.Normal;
        if (Number("--seconds") is { } seconds)
        {
            pace = pace with { Window = TimeSpan.FromSeconds(seconds), Idle = TimeSpan.FromSeconds(seconds) };
        }

        var scenarios = Select(names).Select(scenario => scenario with
        {
            Rate = Number("--rate") ?? scenario.Rate,
            Shape = scenario.Shape with
            {
                Clients = Number("--clients") ?? scenario.Shape.Clients,
                Rooms = Number("--rooms") ?? scenario.Shape.Rooms,
                TextBytes = Number("--bytes") ?? scenario.Shape.TextBytes,
            },
        });
        var layout = new ClusterLayout();
        layout = layout with
        {
            Gateways = Number("--gateways") ?? layout.Gateways,
            Connections = Number("--connections") ?? layout.Connections,
            Messages = Number("--messages") ?? layout.Messages,
            Presences = Number("--presences") ?? layout.Presences,
        };
        if (isProfiled)
        {
            foreach (var (name, value) in Profile.Environment)
            {
                settings.TryAdd(name, value);
            }
        }

        return new BenchOptions(
            [.. scenarios],
            values.TryGetValue("--against", out var list) ? Against(list) : [.. Lineup.All.Keys],
            pace,
            Number("--repeats") ?? (isQuick ? 1 : 3),
            values.GetValueOrDefault("--out") ?? Path.Combine(Repository.Root, "bench", "results", isQuick ? "quick.local" : ""),
            values.GetValueOrDefault("--name") ?? DateTime.UtcNow.ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture),
            layout,
            settings,
            isProfiled);
    }

    private static IEnumerable<Scenario> Select(List<string> names) => names.Count == 0
        ? Scenario.All
        : names.SelectMany(name => name == "ramp"
            ? Scenario.All.Where(scenario => scenario.Course == Course.Ramp)
            : [Scenario.All.FirstOrDefault(scenario => scenario.Name == name) ?? throw new ArgumentException($"{name} is not a scenario")]);

    private static string[] Against(string list)
    {
        var names = list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return Array.Find(names, name => !Lineup.All.ContainsKey(name)) is { } unknown ? throw new ArgumentException($"{unknown} is not something to measure") : names;
    }
}
