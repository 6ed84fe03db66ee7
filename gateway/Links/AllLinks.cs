using System.Collections.Concurrent;
using Microsoft.Extensions.Options;
using Tertulia.Hosting;
using Tertulia.Link;

namespace Tertulia.Gateway.Links;

/// <summary>The links to all nodes, and the one clock of all clients.</summary>
internal sealed partial class AllLinks(
    IOptions<GatewayOptions> options, WaitingBytes waiting, InternalAuth auth, InternalTls tls, Telemetry telemetry, TimeProvider time, ILogger<NodeLink> logger) : BackgroundService
{
    /// <summary>Between two looks at every link.</summary>
    internal static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(5);

    /// <summary>Between two looks at what waits.</summary>
    private static readonly TimeSpan ReliefInterval = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<string, NodeLinks> _nodes = new(StringComparer.OrdinalIgnoreCase);
    private readonly CancellationTokenSource _stopping = new();
    private readonly int _perNode = options.Value.LinksPerNode ?? Math.Clamp(Environment.ProcessorCount / 2, 1, 8);
    private readonly LinkPace _pace = new(options.Value.LinkPace, TimeProvider.System, CpuGauge.Machine); // Not the clock of a test: it is about this machine.

    /// <summary>The links to one node.</summary>
    /// <param name="node">Its address.</param>
    public NodeLinks To(string node) => _nodes.GetOrAdd(node, static (node, all) => all.New(node), this);

    /// <summary>Cancelled when no link is made any more.</summary>
    public CancellationToken Stopping => _stopping.Token;

    /// <summary>Clients that a node has through this gateway.</summary>
    public int ClientsOf(string node) => _nodes.TryGetValue(node, out var links) ? links.Clients : 0;

    public override void Dispose()
    {
        _stopping.Dispose();
        _pace.Dispose();
        base.Dispose();
    }

    /// <summary>One look at all of them.</summary>
    internal void Look()
    {
        var idleLooks = (int)Math.Ceiling(options.Value.IdleTimeout / LookInterval);
        foreach (var link in Up())
        {
            link.Look(idleLooks);
        }
    }

    /// <summary>Too much waits for clients: those that take nothing are cut.</summary>
    internal void Relieve()
    {
        if (!waiting.IsOver)
        {
            return;
        }

        var bytes = waiting.Bytes;
        var cut = Up().Sum(link => link.Relieve());
        if (cut > 0)
        {
            telemetry.SlowClientsCut(cut);
            LogRelieved(cut, bytes);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(ReliefInterval, time);
        var looked = time.GetTimestamp();
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                Relieve();
                if (time.GetElapsedTime(looked) >= LookInterval)
                {
                    looked = time.GetTimestamp();
                    Look();
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The server has stopped before: no client is left.
            await _stopping.CancelAsync();
            var links = Up().ToArray();
            Array.ForEach(links, link => link.Cut());
            await Task.WhenAll(links.Select(link => link.Ended));
        }
    }

    private NodeLinks New(string node) => new(node, _perNode, _pace, waiting, auth, tls, time, logger);

    private IEnumerable<NodeLink> Up() => _nodes.Values.SelectMany(node => node.Up());

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Clients} clients that did not read were cut: {Bytes} bytes waited for all, more than Gateway:SlowClientBytes")]
    private partial void LogRelieved(int clients, long bytes);
}
