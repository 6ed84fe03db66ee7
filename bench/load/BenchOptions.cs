using System.Globalization;
using Tertulia.Load.Contenders;
using Tertulia.Load.Growing;
using Tertulia.Load.Profiling;
using Tertulia.Load.Scenarios;
using Tertulia.Testing;

namespace Tertulia.Load;

/// <summary>What is done.</summary>
internal enum Verb
{
    /// <summary>The table of scenarios.</summary>
    Table,

    /// <summary>The growth curves.</summary>
    Growth,

    /// <summary>Plots and fits of growth curves that were measured.</summary>
    Plot,

    /// <summary>Everything that users do, for a long time.</summary>
    Soak,

    /// <summary>All clients of a node come back at once.</summary>
    Storm,
}

/// <summary>How much of the soak.</summary>
/// <param name="Users">Each with one socket.</param>
/// <param name="DeedsPerSecond">Of all users together.</param>
/// <param name="Length">From the moment in which all are in their rooms.</param>
internal sealed record SoakSize(int Users, int DeedsPerSecond, TimeSpan Length)
{
    /// <summary>Unless the command line says otherwise.</summary>
    public static SoakSize Usual { get; } = new(2_000, 200, TimeSpan.FromMinutes(30));
}

/// <summary>What the command line asks for.</summary>
/// <param name="Scenarios">Of the table.</param>
/// <param name="Curves">Of growth.</param>
/// <param name="Budget">Nothing new is begun after this time.</param>
/// <param name="IsResumed">Whether what is missing is added to the file of that name.</param>
/// <param name="StormClients">Clients of the node that is killed.</param>
internal sealed record BenchOptions(
    Verb Verb, IReadOnlyList<Scenario> Scenarios, IReadOnlyList<Curve> Curves, IReadOnlyList<string> Contenders, Pace Pace, GrowthPace GrowthPace, int Repeats,
    string ResultsFolder, string Name, string PlotFolder, string CapacityPage, ClusterLayout Cluster, IReadOnlyDictionary<string, string> Settings,
    TimeSpan Budget, bool IsProfiled, bool IsResumed, SoakSize Soak, int StormClients)
{
    private const int UsualStorm = 10_000;

    /// <summary>For <c>--help</c> and after a mistake.</summary>
    public static string Usage { get; } = $"""
        ./dev bench [scenario…] [options]      the table
          scenarios     {string.Join(' ', Scenario.All.Select(scenario => scenario.Name))};
                        ramp and check stand for both of them; default all. A check runs once, at the rate that the ramps of the same table found, or at --rate
        ./dev bench growth [curve…] [options]  how cost grows, then the plots: {string.Join(' ', Curve.All.Select(curve => curve.Name))}; default all
        ./dev bench plot                       draws docs/growth/*.svg and fills docs/capacity.md from bench/results/growth.json

        ./dev bench soak [options]             everything that users do, for long: memory flat, no error in the logs, nobody closed
          --minutes N   how long; default 30; --clients and --rate (deeds a second) as below

        ./dev bench storm [options]            a node dies, and all of its clients (--clients; default {UsualStorm}) come back at once

          --against A,B what is measured: {string.Join(',', Lineup.All.Keys)}; default all
          --quick       short windows, of growth also fewer points: for a look, not for figures
          --repeats N   interleaved repeats, the table has their medians; default 3, 1 with --quick
          --resume      goes on with the file of that name: measures what it does not have yet
          --budget N    begins nothing new after N seconds; exit code 3 says that something is left
          --seconds N   length of the measured window
          --clients N --rooms N --rate N --bytes N   instead of the scenarios' own
          --gateways N --connections N --messages N --presences N   processes of the cluster
          --set KEY=VALUE   environment of the measured processes, for comparisons; may be repeated
          --profile     also writes where the CPU goes, by process and function (needs perf; the figures suffer)
          --out DIR     where the results go; default bench/results, with --quick bench/results/quick.local
          --name NAME   name of the files; default the time, of growth: growth
        """;

    /// <exception cref="ArgumentException">It cannot be understood.</exception>
    public static BenchOptions Parse(string[] arguments)
    {
        var verb = arguments.FirstOrDefault() switch { "growth" => Verb.Growth, "plot" => Verb.Plot, "soak" => Verb.Soak, "storm" => Verb.Storm, _ => Verb.Table };
        arguments = verb == Verb.Table ? arguments : arguments[1..];
        List<string> names = [];
        Dictionary<string, string> values = [];
        Dictionary<string, string> settings = [];
        var (isQuick, isProfiled, isResumed) = (false, false, false);
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
                case "--resume":
                    isResumed = true;
                    break;
                case "--set":
                    var pair = i + 1 < arguments.Length ? arguments[i + 1].Split('=', 2) : [];
                    settings[pair.Length == 2 ? pair[0] : throw new ArgumentException("--set needs KEY=VALUE")] = pair[1];
                    i++;
                    break;
                case "--against" or "--repeats" or "--seconds" or "--clients" or "--rooms" or "--rate" or "--bytes" or "--out" or "--name"
                    or "--gateways" or "--connections" or "--messages" or "--presences" or "--budget" or "--minutes":
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

        var scenarios = verb == Verb.Table ? Select(names).Select(scenario => scenario with
        {
            Rate = Number("--rate") ?? scenario.Rate,
            Shape = scenario.Shape with
            {
                Clients = Number("--clients") ?? scenario.Shape.Clients,
                Rooms = Number("--rooms") ?? scenario.Shape.Rooms,
                TextBytes = Number("--bytes") ?? scenario.Shape.TextBytes,
            },
        }) : [];
        var curves = verb is Verb.Table or Verb.Soak or Verb.Storm ? [] : SelectCurves(names).Select(curve => isQuick ? curve.Thinned() : curve);
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
            foreach (var (name, value) in Sampling.Environment)
            {
                settings.TryAdd(name, value);
            }
        }

        // A look does not overwrite what is in the repository.
        var results = Path.GetFullPath(values.GetValueOrDefault("--out") ?? Path.Combine(Repository.Root, "bench", "results", isQuick ? "quick.local" : ""));
        var documents = isQuick || values.ContainsKey("--out") ? results : Path.Combine(Repository.Root, "docs");
        return new BenchOptions(
            verb,
            [.. scenarios],
            [.. curves],
            values.TryGetValue("--against", out var list) ? Against(list) : verb == Verb.Soak ? Lineup.Ours : [.. Lineup.All.Keys],
            pace,
            isQuick ? GrowthPace.Quick : GrowthPace.Normal,
            Number("--repeats") ?? (isQuick ? 1 : 3),
            results,
            values.GetValueOrDefault("--name") ?? verb switch { Verb.Table => DateTime.UtcNow.ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture), Verb.Soak => "soak", Verb.Storm => "storm", _ => "growth" },
            Path.Combine(documents, "growth"),
            Path.Combine(documents, "capacity.md"),
            layout,
            settings,
            Number("--budget") is { } budget ? TimeSpan.FromSeconds(budget) : TimeSpan.MaxValue,
            isProfiled,
            isResumed,
            new SoakSize(
                Number("--clients") ?? SoakSize.Usual.Users, Number("--rate") ?? SoakSize.Usual.DeedsPerSecond,
                Number("--minutes") is { } minutes ? TimeSpan.FromMinutes(minutes) : SoakSize.Usual.Length),
            Number("--clients") ?? UsualStorm);
    }

    private static IEnumerable<Scenario> Select(List<string> names) => names.Count == 0
        ? Scenario.All
        : names.SelectMany(name => name switch
        {
            "ramp" => Scenario.All.Where(scenario => scenario.Course == Course.Ramp),
            "check" => Scenario.All.Where(scenario => scenario.Course == Course.Check),
            _ => [Scenario.All.FirstOrDefault(scenario => scenario.Name == name) ?? throw new ArgumentException($"{name} is not a scenario")],
        });

    private static IEnumerable<Curve> SelectCurves(List<string> names) => names.Count == 0
        ? Curve.All
        : names.Select(name => Curve.All.FirstOrDefault(curve => curve.Name == name) ?? throw new ArgumentException($"{name} is not a curve"));

    private static string[] Against(string list)
    {
        var names = list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return Array.Find(names, name => !Lineup.All.ContainsKey(name)) is { } unknown ? throw new ArgumentException($"{unknown} is not something to measure") : names;
    }
}
