using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Tertulia.Chart.Tests;
using Tertulia.Testing;
using Xunit.Abstractions;

namespace Tertulia.Integration.Tests;

/// <summary>An installation without Kubernetes: every container of the chart is a process here, with the command and the variables that the chart
/// renders, beside a
/// RabbitMQ and a PostgreSQL of the test's own. Only what a cluster's network would do is done by hand: a service's name becomes the addresses of
/// its pods.</summary>
[Trait(Needs.Trait, Needs.Helm)]
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class ChartDrillTests(ITestOutputHelper output) : IAsyncLifetime
{
    private const string Values = "drill";

    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"tertulia-{Guid.NewGuid():N}"[..24]);
    private readonly Dictionary<string, string> _secrets = new(StringComparer.Ordinal);
    private readonly List<ServerProcess> _processes = [];
    private Rendered _chart = null!;
    private PrivateRabbitMq? _broker;
    private PrivatePostgres? _store;

    public async Task InitializeAsync()
    {
        _chart = await Helm.RenderAsync(Values);
        var job = Assert.Single(_chart.OfKind("Job")).Containers.Single();
        foreach (var key in job["args"]!.AsArray().Skip(1).Select(argument => argument!.ToString().Split('=')))
        {
            _secrets[key[0]] = RandomNumberGenerator.GetHexString(int.Parse(key[1], CultureInfo.InvariantCulture) * 2, lowercase: true);
        }

        using var start = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        var user = Variables(_chart.The("StatefulSet", "rabbitmq").Containers.First());
        _broker = await PrivateRabbitMq.StartAsync(
            Path.Combine(_folder, "rabbitmq"), Path.Combine(_folder, "rabbitmq.log"), start.Token,
            $"default_user = {user["RABBITMQ_DEFAULT_USER"]}", $"default_pass = {user["RABBITMQ_DEFAULT_PASS"]}");
        _store = await PrivatePostgres.StartAsync(Path.Combine(_folder, "postgres"), Path.Combine(_folder, "postgres.log"), start.Token);
        await _store.ExecuteAsync($"create database {Variables(_chart.The("StatefulSet", "postgresql").Containers.First())["POSTGRES_DB"]}", start.Token);
    }

    public async Task DisposeAsync()
    {
        foreach (var process in _processes)
        {
            await process.DisposeAsync();
        }

        await (_broker?.DisposeAsync() ?? ValueTask.CompletedTask);
        await (_store?.DisposeAsync() ?? ValueTask.CompletedTask);
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task The_processes_start_as_the_chart_says_and_helm_test_passes()
    {
        var pods = _chart.OfKind("Deployment").SelectMany(Pods).ToArray();
        using var start = new CancellationTokenSource(TimeSpan.FromMinutes(2));

        // All at once, as a cluster does: there is no order.
        _processes.AddRange(await Task.WhenAll(pods.Select(pod => StartAsync(pod, pods, start.Token))));
        var test = _chart.The("Pod", "verify").Containers.Single();
        var said = await Helm.ProgramAsync(
            "env",
            [
                .. Variables(test).Select(variable => $"{variable.Key}={variable.Value}"), .. Command(test),
                .. test["args"]!.AsArray().Select(argument => Reachable(argument!.ToString(), pods)),
            ],
            "");

        output.WriteLine(said.All);
        Assert.True(said.ExitCode == 0, $"{said.All}\n{string.Join('\n', _processes.Select(process => process.LogTail(5)))}");
        Assert.Contains("acknowledged", said.Output, StringComparison.Ordinal);
        Assert.Contains("VERDICT: passed", said.Output, StringComparison.Ordinal);
        Assert.All(_processes, process => Assert.False(process.HasExited, process.Name));
    }

    private sealed record Pod(string Name, Manifest Workload, JsonNode Container, Dictionary<int, int> Ports);

    /// <summary>As many as the Deployment wants, each with ports of its own for those that it listens on: here they share one address.</summary>
    private static IEnumerable<Pod> Pods(Manifest deployment) =>
        from number in Enumerable.Range(1, int.Parse(deployment.Text("spec.replicas"), CultureInfo.InvariantCulture))
        let container = deployment.Containers.Single()
        select new Pod(
            $"{deployment.Component}-{number}", deployment, container,
            container["ports"]!.AsArray().Select(port => (int)port!["containerPort"]!).ToDictionary(port => port, _ => FreePorts.Next()));

    private Task<ServerProcess> StartAsync(Pod pod, IReadOnlyList<Pod> all, CancellationToken cancellationToken)
    {
        var environment = new Dictionary<string, string>(StringComparer.Ordinal) { ["ASPNETCORE_HTTP_PORTS"] = "8080" }; // Set by the image's base.
        foreach (var map in pod.Container["envFrom"]!.AsArray().Select(source => source!["configMapRef"]!["name"]!.ToString()))
        {
            foreach (var (name, value) in _chart.OfKind("ConfigMap").Single(other => other.Name == map).Json["data"]!.AsObject())
            {
                environment[name] = value!.ToString();
            }
        }

        foreach (var (name, value) in Variables(pod.Container))
        {
            environment[name] = value;
        }

        foreach (var name in environment.Keys)
        {
            environment[name] = name is "urls" or "Listen__Http2" ? Listening(environment[name], pod) : Reachable(environment[name], all);
        }

        var probe = pod.Container["readinessProbe"]!;
        var port = pod.Container["ports"]!.AsArray().Single(port => (string)port!["name"]! == (string)probe["httpGet"]!["port"]!)!["containerPort"]!;
        var ready = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{pod.Ports[(int)port]}{probe["httpGet"]!["path"]}"));
        var command = Command(pod.Container);
        return ServerProcess.StartAsync(
            new ServerStart(pod.Name, command[0], command[1..], Path.Combine(_folder, pod.Name + ".log"), Ready.Answers(ready)) { Environment = environment },
            cancellationToken);
    }

    /// <summary>The container's, with the program where it is here: in the image it is in the working directory.</summary>
    private static string[] Command(JsonNode container) =>
        container["command"]!.AsArray().Select(word => word!.ToString()).ToArray() is [var runtime, var program]
            ? [runtime, Repository.Program(Programs[Path.GetFileNameWithoutExtension(program)], Path.GetFileNameWithoutExtension(program))]
            : throw new InvalidOperationException($"Not a runtime and a program: {container["command"]}");

    private static readonly Dictionary<string, string> Programs = ServiceKeys.Programs.Values.ToDictionary(program => program.Program, program =>
        program.Folder, StringComparer.Ordinal);

    /// <summary>Variables as the kubelet gives them: secrets looked up, <c>$(NAME)</c> replaced.</summary>
    private Dictionary<string, string> Variables(JsonNode container)
    {
        var result = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var variable in container["env"] as JsonArray ?? [])
        {
            var value = variable!["valueFrom"]?["secretKeyRef"]?["key"] is { } key ? _secrets[key.ToString()] : variable["value"]!.ToString();
            result[variable["name"]!.ToString()] = result.Aggregate(value, (text, known) => text.Replace($"$({known.Key})", known.Value,
                StringComparison.Ordinal));
        }

        return result;
    }

    private static string Listening(string urls, Pod pod) =>
        pod.Ports.Aggregate(urls, (text, port) => text.Replace(Invariant($"http://*:{port.Key}"), Invariant($"http://127.0.0.1:{port.Value}"),
            StringComparison.Ordinal));

    /// <summary>What a cluster's names and routes do: a headless name is each of its pods, the gateway's service one of them.</summary>
    private string Reachable(string text, IReadOnlyList<Pod> pods)
    {
        foreach (var service in _chart.OfKind("Service"))
        {
            var behind = pods.Where(pod => pod.Workload.Component == service.Component).ToArray();
            foreach (var port in service.Json["spec"]!["ports"]!.AsArray())
            {
                var door = Invariant($"{service.Name}:{port!["port"]}");
                var named = port["targetPort"]!.ToString();
                if (service.Component == "rabbitmq")
                {
                    text = text.Replace(door, _broker!.Uri.Authority, StringComparison.Ordinal);
                    continue;
                }

                var addresses = behind.Select(pod => Invariant(
                    $"http://127.0.0.1:{pod.Ports[(int)pod.Container["ports"]!.AsArray().Single(own => (string)own!["name"]! == named)!["containerPort"]!]}"))
                        .ToArray();
                if (addresses.Length > 0)
                {
                    text = text.Replace($"dns:///{door}", string.Join(';', addresses), StringComparison.Ordinal)
                        .Replace($"http://{door}", service.Component == "gateway" ? addresses[0] : string.Join(';', addresses), StringComparison.Ordinal);
                }
            }

            text = service.Component == "postgresql" ? text.Replace($"Host={service.Name};", Invariant($"Host=127.0.0.1;Port={_store!.Port};"),
                StringComparison.Ordinal) : text;
        }

        Assert.DoesNotContain(_chart.The("Service", "gateway").Name[..^"gateway".Length], text,
            StringComparison.Ordinal); // Nothing that only a cluster could find is left.
        return text;
    }

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
