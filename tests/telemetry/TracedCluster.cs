using Tertulia.Testing;

namespace Tertulia.Telemetry.Tests;

/// <summary>Two nodes that push to the tests. Nothing is sampled but what a client asks for, so that every span has its reason.</summary>
public sealed class TracedCluster : IAsyncLifetime
{
    private OtlpReceiver? _receiver;
    private ClusterProcesses? _cluster;

    public ClusterProcesses Cluster => _cluster ?? throw new InvalidOperationException("The cluster did not start");

    internal OtlpReceiver Received => _receiver ?? throw new InvalidOperationException("The receiver did not start");

    public async Task InitializeAsync()
    {
        _receiver = await OtlpReceiver.StartAsync();
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        _cluster = await ClusterProcesses.StartAsync(
            new ClusterLayout
            {
                Connections = 2,
                Environment = new Dictionary<string, string>(_receiver.Environment)
                {
                    ["OTEL_TRACES_SAMPLER"] = "parentbased_always_off",
                    ["Log__Format"] = "Json",
                    ["Limits__EventsPerMinute"] = "0",
                    ["Limits__ConnectionsPerAddress"] = "0",
                },
            },
            deadline.Token);
    }

    public async Task DisposeAsync()
    {
        if (_cluster is not null)
        {
            await _cluster.DisposeAsync();
        }

        if (_receiver is not null)
        {
            await _receiver.DisposeAsync();
        }
    }
}
