using System.Collections.Concurrent;
using Microsoft.Extensions.Options;
using Tertulia.Bus;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Rebalancing;

/// <summary>Tells the other nodes how many connections this one has, and sends clients on when these are more than its share.</summary>
/// <remarks>The nodes decide, because a gateway knows its own clients only; where a client goes is the gateway's choice, which is the node with the fewest of its clients.</remarks>
internal sealed partial class Rebalancer(
    ILiveBus bus, ProcessIdentity node, SessionRegistry registry, SessionMover mover, IHostApplicationLifetime lifetime, IOptions<RebalanceOptions> options,
    TimeProvider time, ILogger<Rebalancer> logger) : BackgroundService
{
    private readonly FairShare _share = new(options, time);
    private readonly ConcurrentQueue<(string NodeId, NodeLoad Load)> _heard = [];
    private readonly List<Session> _told = [];
    private readonly RunningTasks _moves = new();

    /// <summary>What another node has told.</summary>
    public void OnBatch(NodeBatch batch)
    {
        if (batch.NodeLoad is { } load && batch.From != node.Id)
        {
            _heard.Enqueue((batch.From, load)); // Taken at the next interval.
        }
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true)
            {
                var leaves = lifetime.ApplicationStopping.IsCancellationRequested;
                await AnnounceAsync(leaves, stoppingToken);
                if (!leaves)
                {
                    Move(stoppingToken);
                }

                // The others hear at once that this node leaves.
                await Task.Delay(options.Value.Interval, time, leaves ? stoppingToken : lifetime.ApplicationStopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                stoppingToken.ThrowIfCancellationRequested();
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            await _moves.WhenIdleAsync();
        }
    }

    private async Task AnnounceAsync(bool leaves, CancellationToken cancellationToken)
    {
        try
        {
            var load = new NodeLoad { Connections = (uint)registry.Count, Leaving = leaves };
            await bus.SendToAllNodesAsync(new NodeBatch { From = node.Id, NodeLoad = load }, cancellationToken);
        }
        catch (BusUnavailableException)
        {
            return; // Nobody hears of anybody: nothing is moved until all do again.
        }
    }

    private void Move(CancellationToken stoppingToken)
    {
        while (_heard.TryDequeue(out var heard))
        {
            _share.OnLoad(heard.NodeId, heard.Load);
        }

        _told.RemoveAll(session => session.Ended.IsCancellationRequested);
        var (moved, gaveUp) = (_share.IsMoving, _share.HasGivenUp);
        var moves = _share.Moves(registry.Count, _told.Count);
        Log(moved, gaveUp);
        if (moves == 0)
        {
            return;
        }

        // Who has been here the longest goes first (their ids have the order of time), so that nobody is moved again while others have not been. Who came past the
        // gateways would come back here.
        var told = _told.ToHashSet();
        Session[] chosen = [.. registry.Sessions.Where(session => session.Opening.GatewayId is not null && !told.Contains(session))
            .OrderBy(session => session.ConnectionId, StringComparer.Ordinal).Take(moves)];
        _told.AddRange(chosen);
        Telemetry.RebalanceMoves.Add(chosen.Length);
        _moves.Start(() => MoveAsync(chosen, stoppingToken));
    }

    private async Task MoveAsync(Session[] sessions, CancellationToken stoppingToken)
    {
        try
        {
            await mover.MoveAsync(sessions, options.Value.Interval, MoveReason.Rebalance, stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            return; // The node has drained.
        }
    }

    private void Log(bool moved, bool gaveUp)
    {
        if (_share.IsMoving && !moved)
        {
            LogMoving(registry.Count, (int)_share.Share, _share.Nodes);
        }
        else if (_share.HasGivenUp && !gaveUp)
        {
            LogGivenUp(registry.Count, FairShare.GivenUpFor);
        }
        else if (moved && !_share.IsMoving)
        {
            LogMoved(registry.Count, (int)_share.Share);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{Connections} connections are more than this node's share of {Share} among {Nodes} nodes: clients are moved")]
    private partial void LogMoving(int connections, int share, int nodes);

    [LoggerMessage(Level = LogLevel.Information, Message = "No more clients are moved: {Connections} connections, a share is {Share}")]
    private partial void LogMoved(int connections, int share);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Clients that were moved came back to this node, which has {Connections} connections: none is moved for {Time}. Do the gateways reach all nodes?")]
    private partial void LogGivenUp(int connections, TimeSpan time);
}
