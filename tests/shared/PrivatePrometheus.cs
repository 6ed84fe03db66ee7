using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Tertulia.Testing;

/// <summary>What a <see cref="PrivatePrometheus"/> reads from.</summary>
/// <param name="Job">The service's name.</param>
/// <param name="Pod">The process.</param>
/// <param name="Url">Any address on its port; <c>/metrics</c> is read.</param>
public sealed record ScrapedProcess(string Job, string Pod, Uri Url);

/// <summary>A Prometheus of our own, loopback only, with rules, whose time can be made to run faster than ours.</summary>
public sealed class PrivatePrometheus : IAsyncDisposable
{
    private readonly HttpClient _http;
    private readonly string _directory;

    private PrivatePrometheus(ServerProcess process, string directory)
    {
        Process = process;
        _directory = directory;
        _http = new HttpClient { BaseAddress = process.Url, Timeout = TimeSpan.FromSeconds(10) };
    }

    /// <summary>The server.</summary>
    public ServerProcess Process { get; }

    /// <summary>Starts one; a second.</summary>
    /// <param name="directory">Folder for its data, created when absent.</param>
    /// <param name="every">Between two scrapes, and the longest that one may take. The rules are evaluated twice as often.</param>
    /// <param name="processes">What is scraped, with the labels <c>job</c>, <c>pod</c> and <c>namespace</c>.</param>
    /// <param name="name">The namespace.</param>
    /// <param name="secret">Sent as <c>Authorization: Bearer</c>.</param>
    /// <param name="rules">Alerts, as a list of rules.</param>
    /// <param name="cancellationToken">Stops the start.</param>
    public static async Task<PrivatePrometheus> StartAsync(
        string directory, TimeSpan every, IEnumerable<ScrapedProcess> processes, string name, string secret, JsonArray rules,
        CancellationToken cancellationToken)
    {
        directory = Path.GetFullPath(directory);
        Directory.CreateDirectory(directory);
        var jobs = processes.ToLookup(process => process.Job, StringComparer.Ordinal);
        var (scrape, evaluation) = (Milliseconds(every), Milliseconds(every / 2));
        var configuration = new JsonObject // JSON is YAML.
        {
            ["global"] = new JsonObject { ["scrape_interval"] = scrape, ["scrape_timeout"] = scrape, ["evaluation_interval"] = evaluation },
            ["rule_files"] = new JsonArray("rules.yaml"),
            ["scrape_configs"] = new JsonArray([.. jobs.Select(job => new JsonObject
            {
                ["job_name"] = job.Key,
                ["authorization"] = new JsonObject { ["credentials"] = secret },
                ["file_sd_configs"] = new JsonArray(new JsonObject { ["files"] = new JsonArray(TargetsOf(job.Key)), ["refresh_interval"] = scrape }),
            })]),
        };
        var groups = new JsonObject { ["groups"] = new JsonArray(new JsonObject { ["name"] = "all", ["rules"] = rules }) };
        await File.WriteAllTextAsync(Path.Combine(directory, "prometheus.yaml"), configuration.ToJsonString(), cancellationToken);
        await File.WriteAllTextAsync(Path.Combine(directory, "rules.yaml"), groups.ToJsonString(), cancellationToken);
        foreach (var job in jobs)
        {
            var targets = new JsonArray([.. job.Select(process => new JsonObject
            {
                ["targets"] = new JsonArray(process.Url.Authority),
                ["labels"] = new JsonObject { ["namespace"] = name, ["pod"] = process.Pod },
            })]);
            await File.WriteAllTextAsync(Path.Combine(directory, TargetsOf(job.Key)), targets.ToJsonString(), cancellationToken);
        }

        var url = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{FreePorts.Next()}"));
        string[] arguments =
        [
            $"--config.file={Path.Combine(directory, "prometheus.yaml")}", $"--storage.tsdb.path={Path.Combine(directory, "data")}",
            $"--web.listen-address={url.Authority}", "--log.level=warn",
        ];
        var start = new ServerStart("prometheus", "prometheus", arguments, Path.Combine(directory, "prometheus.log"), Ready.Answers(new Uri(url, "/-/ready")));
        return new PrivatePrometheus(await ServerProcess.StartAsync(start with { Url = url }, cancellationToken), directory);
    }

    /// <summary>From now on it finds no process of a job, as when there is no pod.</summary>
    public Task ForgetAsync(string job, CancellationToken cancellationToken) =>
        File.WriteAllTextAsync(Path.Combine(_directory, TargetsOf(job)), "[]", cancellationToken);

    /// <summary>Names of the alerts that fire, with the labels of one of each.</summary>
    public async Task<IReadOnlyDictionary<string, string>> FiringAsync()
    {
        var alerts = (await AskAsync("/api/v1/alerts")).GetProperty("alerts").EnumerateArray();
        return alerts.Where(alert => alert.GetProperty("state").GetString() == "firing")
            .GroupBy(alert => alert.GetProperty("labels").GetProperty("alertname").GetString()!, StringComparer.Ordinal)
            .ToDictionary(alert => alert.Key, alert => alert.First().GetProperty("labels").GetRawText(), StringComparer.Ordinal);
    }

    /// <summary>The values that an expression has now; none when there is no such series.</summary>
    public async Task<double[]> ValuesAsync(string expression) =>
    [
        .. (await AskAsync($"/api/v1/query?query={Uri.EscapeDataString(expression)}")).GetProperty("result").EnumerateArray()
            .Select(series => double.Parse(series.GetProperty("value")[1].GetString()!, CultureInfo.InvariantCulture)),
    ];

    /// <summary>The values of an expression until now, for people.</summary>
    public async Task<string> RangeAsync(string expression, TimeSpan last, TimeSpan every)
    {
        var end = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() / 1000.0;
        var query = string.Create(
            CultureInfo.InvariantCulture, $"query={Uri.EscapeDataString(expression)}&start={end - last.TotalSeconds}&end={end}&step={every.TotalSeconds}");
        var series = (await AskAsync($"/api/v1/query_range?{query}")).GetProperty("result").EnumerateArray();
        return string.Join(", ", series.Select(one =>
            $"{one.GetProperty("metric")} {string.Join(' ', one.GetProperty("values").EnumerateArray().Select(value => value[1].GetString()))}"));
    }

    /// <summary>Every metric that was seen since the start.</summary>
    public async Task<IReadOnlySet<string>> NamesAsync() =>
        (await AskAsync("/api/v1/label/__name__/values")).EnumerateArray().Select(name => name.GetString()!).ToHashSet(StringComparer.Ordinal);

    /// <inheritdoc />
    public ValueTask DisposeAsync()
    {
        _http.Dispose();
        return Process.DisposeAsync();
    }

    private static string TargetsOf(string job) => $"{job}.json";

    private static string Milliseconds(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalMilliseconds}ms");

    private async Task<JsonElement> AskAsync(string path)
    {
        var answer = await _http.GetFromJsonAsync<JsonElement>(new Uri(path, UriKind.Relative));
        return answer.GetProperty("data");
    }
}
