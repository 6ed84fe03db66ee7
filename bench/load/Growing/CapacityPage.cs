using System.Globalization;
using System.Text;
using Tertulia.Load.Contenders;
using Tertulia.Load.Reporting;

namespace Tertulia.Load.Growing;

/// <summary>The part of docs/capacity.md that is computed: fits, the sizing formula and worked examples.</summary>
internal static class CapacityPage
{
    private const string Begin = "<!-- computed by ./dev bench plot: begin -->";
    private const string End = "<!-- computed by ./dev bench plot: end -->";

    // A process is given two cores and planned to be half busy: one core each.
    private const double CoresPerProcess = 1;
    private const int FewestProcesses = 2;

    // What comes back at once when one dies; descriptors and memory would allow more.
    private const int SocketsPerGateway = 50_000;

    /// <summary>What the page works through.</summary>
    public static IReadOnlyList<Demand> Examples { get; } =
    [
        new("a company: 2,000 online in rooms of 10, a message a minute each", 2000, 2000 / 60.0, 10, 100),
        new("a community: 20,000 online in rooms of 50, a message every two minutes each", 20_000, 20_000 / 120.0, 50, 200),
        new("a crowd: 100,000 online in rooms of 100, a message every five minutes each", 100_000, 100_000 / 300.0, 100, 200),
    ];

    /// <summary>Far beyond what was measured: the formula carried on.</summary>
    public static IReadOnlyList<Demand> Predictions { get; } =
        [.. new[] { 1e6, 1e7, 1e8 }.Select(online => new Demand(Text($"{online / 1e6:0} million"), online, online / 600, 20, 200))];

    /// <summary>Puts what is computed between the marks of the page.</summary>
    /// <exception cref="InvalidDataException">The page has no marks.</exception>
    public static string Fill(string page, GrowthReport report)
    {
        var (begin, end) = (page.IndexOf(Begin, StringComparison.Ordinal), page.IndexOf(End, StringComparison.Ordinal));
        return begin >= 0 && end > begin
            ? page[..(begin + Begin.Length)] + "\n" + Computed(report) + page[end..]
            : throw new InvalidDataException($"The page needs the marks {Begin} and {End}");
    }

    /// <summary>Everything between the marks.</summary>
    public static string Computed(GrowthReport report)
    {
        var text = new StringBuilder();
        foreach (var session in report.Sessions)
        {
            Line(text, $"Measured by `{session.Command}`, revision {session.Revision}, {session.StartedAt:yyyy-MM-dd}.");
        }

        Line(text, $"Machine: {report.Machine.Summary}.");
        Line(text, $"");
        Line(text, $"### The curves as straight lines");
        Line(text, $"");
        Line(text, $"| curve | | figure | fit | typical error | largest error | points |");
        Line(text, $"|---|---|---|---|--:|--:|--:|");
        foreach (var fit in Fits(report))
        {
            Line(text, $"{fit.Row()}");
        }

        var models = Curve.All.SelectMany(curve => curve.Contenders).Distinct().Select(contender => SizeModel.Of(contender, report)).OfType<SizeModel>().ToArray();
        Line(text, $"");
        Line(text, $"### One formula for all of them");
        foreach (var model in models)
        {
            AppendModel(text, model);
        }

        Line(text, $"");
        Line(text, $"### Worked examples");
        foreach (var demand in Examples)
        {
            AppendExample(text, demand, models);
        }

        if (models.FirstOrDefault(model => model.Kinds.Any(kind => kind.Kind == "connection")) is { } cluster)
        {
            AppendPredictions(text, cluster);
        }

        return text.ToString();
    }

    /// <summary>All lines that can be fitted.</summary>
    public static IEnumerable<CurveFit> Fits(GrowthReport report) =>
        from curve in Curve.All
        from contender in curve.Contenders
        let points = report.Of(curve, contender)
        from fit in (CurveFit?[])[CurveFit.OfCpu(curve, contender, points), curve.IsIdle ? CurveFit.OfMemory(curve, contender, points) : null]
        where fit is not null
        select fit;

    private static void AppendModel(StringBuilder text, SizeModel model)
    {
        Line(text, $"");
        Line(text, $"{Lineup.Titles[model.Contender]}, all processes of a kind together:");
        Line(text, $"");
        Line(text, $"| | {string.Join(" | ", SizeModel.TermNames.Select(term => term.Name))} | error, typical / largest | MiB at rest | KiB per connection |");
        Line(text, $"|---|{string.Concat(SizeModel.TermNames.Select(_ => "--:|"))}--:|--:|--:|");
        foreach (var kind in model.Kinds)
        {
            var coefficients = kind.Cpu.Coefficients.Zip(SizeModel.TermNames, (coefficient, term) =>
                coefficient == 0 ? "–" : (coefficient * term.Factor).ToString(term.Format, CultureInfo.InvariantCulture));
            var memory = kind.Memory is { } fit ? Text($"{fit.Coefficients[0]:0} | {fit.Coefficients[1] * 1024 / 1000:0.0}") : "– | –";
            Line(text, $"| {kind.Kind} | {string.Join(" | ", coefficients)} | {kind.Cpu.TypicalError:0%} / {kind.Cpu.LargestError:0%} | {memory} |");
        }
    }

    private static void AppendExample(StringBuilder text, Demand demand, SizeModel[] models)
    {
        Line(text, $"");
        Line(text, $"**{demand.Name}**: {demand.MessagesPerSecond:0} messages/s, {demand.MessagesPerSecond * demand.Members:0} deliveries/s, {demand.TextBytes:0} bytes.");
        Line(text, $"");
        Line(text, $"| | process | cores | processes, half busy on 2 cores each | MiB of all |");
        Line(text, $"|---|---|--:|--:|--:|");
        foreach (var model in models)
        {
            var nodes = Nodes(demand, model);
            foreach (var kind in model.Kinds)
            {
                var cores = kind.Cores(demand, nodes);
                var processes = kind.Kind is "allinone" or "postgres" or "rabbitmq" ? "1" : Text($"{Math.Max(FewestProcesses, Math.Ceiling(cores / CoresPerProcess)):0}");
                Line(text, $"| {Lineup.Titles[model.Contender]} | {kind.Kind} | {cores:0.00} | {processes} | {kind.Mebibytes(demand):0} |");
            }

            Line(text, $"| {Lineup.Titles[model.Contender]} | **all** | **{model.Kinds.Sum(kind => kind.Cores(demand, nodes)):0.00}** | | **{model.Kinds.Sum(kind => kind.Mebibytes(demand)):0}** |");
        }
    }

    private static void AppendPredictions(StringBuilder text, SizeModel model)
    {
        Line(text, $"");
        Line(text, $"### 1, 10 and 100 million connections");
        Line(text, $"");
        Line(text, $"Rooms of {Predictions[0].Members:0} connected members, a message every ten minutes from each, {Predictions[0].TextBytes:0} bytes; {Lineup.Titles[model.Contender]}.");
        Line(text, $"Cores, then processes that are half busy on 2 cores each (gateways: at most {SocketsPerGateway:N0} clients each), then memory of all.");
        Line(text, $"Memory is without what each process beyond the measured ones needs at rest.");
        Line(text, $"");
        Line(text, $"| | {string.Join(" | ", Predictions.Select(demand => demand.Name))} |");
        Line(text, $"|---|{string.Concat(Predictions.Select(_ => "--:|"))}");
        Line(text, $"| messages/s | {string.Join(" | ", Predictions.Select(demand => Text($"{demand.MessagesPerSecond:N0}")))} |");
        Line(text, $"| deliveries/s | {string.Join(" | ", Predictions.Select(demand => Text($"{demand.MessagesPerSecond * demand.Members:N0}")))} |");
        foreach (var kind in model.Kinds)
        {
            Line(text, $"| {kind.Kind} | {string.Join(" | ", Predictions.Select(demand => Cell(demand, kind, Nodes(demand, model))))} |");
        }

        var sums = Predictions.Select(demand => Text(
            $"**{model.Kinds.Sum(kind => kind.Cores(demand, Nodes(demand, model))):N0} cores, {model.Kinds.Sum(kind => kind.Mebibytes(demand)) / 1024:N0} GiB**"));
        Line(text, $"| **all** | {string.Join(" | ", sums)} |");
    }

    private static string Cell(Demand demand, KindModel kind, int nodes)
    {
        var cores = kind.Cores(demand, nodes);
        var bySockets = kind.Kind == "gateway" ? demand.Connections / SocketsPerGateway : 0;
        return Text($"{cores:N1} cores, {Math.Max(FewestProcesses, Math.Ceiling(Math.Max(cores / CoresPerProcess, bySockets))):N0}, {kind.Mebibytes(demand) / 1024:N1} GiB");
    }

    /// <summary>More nodes make each message cost more: counted up until they are enough.</summary>
    private static int Nodes(Demand demand, SizeModel model)
    {
        const int Most = 10_000;
        var nodes = model.Kinds.FirstOrDefault(kind => kind.Kind == "connection");
        var count = nodes is null ? 1 : FewestProcesses;
        while (nodes is not null && count < Most && nodes.Cores(demand, Math.Min(count, demand.Members)) > count * CoresPerProcess)
        {
            count++;
        }

        return (int)Math.Min(count, demand.Members);
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private static void Line(StringBuilder text, FormattableString line) => text.Append(Text(line)).Append('\n');
}
