using System.Collections.Concurrent;
using Microsoft.Extensions.Options;
using Tertulia.Bus;
using Tertulia.Connections.Rooms;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Explaining;

/// <summary>What became of an entry on each node: asks all nodes, and answers for this one.</summary>
internal sealed class Trails(
    ILiveBus bus, ProcessIdentity node, RoomHub hub, DeliveryLog log, IOptions<ExplainOptions> options, TimeProvider time)
{
    private const int MaxConnections = 100;

    private readonly ConcurrentDictionary<ulong, ConcurrentQueue<NodeTrail>> _asked = new();
    private ulong _lastId;

    /// <summary>Asks all nodes and waits for as long as they are given (<see cref="ExplainOptions.Patience"/>).</summary>
    /// <param name="roomId">The room.</param>
    /// <param name="epoch">Of the seq.</param>
    /// <param name="seq">The entry's.</param>
    /// <param name="userId">Only connections of this user; null: of all.</param>
    /// <param name="cancellationToken">Nobody waits any more.</param>
    /// <returns>One for each node that answered, this one among them.</returns>
    /// <exception cref="BusUnavailableException">The broker did not take the question.</exception>
    public async Task<IReadOnlyList<NodeTrail>> AskAsync(string roomId, string epoch, long seq, string? userId, CancellationToken cancellationToken)
    {
        var query = new TrailQuery { QueryId = Interlocked.Increment(ref _lastId), RoomId = roomId, Epoch = epoch, Seq = seq, UserId = userId ?? "" };
        var answers = _asked[query.QueryId] = [];
        try
        {
            await bus.SendToAllNodesAsync(new NodeBatch { From = node.Id, TrailQueries = { query } }, cancellationToken);
            await Task.Delay(options.Value.Patience, time, cancellationToken);
            return [.. answers.OrderBy(answer => answer.NodeId, StringComparer.Ordinal)];
        }
        finally
        {
            _asked.TryRemove(query.QueryId, out _);
        }
    }

    /// <summary>Questions of other nodes and answers to this one's. Ephemeral: what the broker does not take is missing.</summary>
    public void OnBatch(NodeBatch batch)
    {
        foreach (var query in batch.TrailQueries)
        {
            var answer = new TrailAnswer { QueryId = query.QueryId, Trail = Explain(query) };
            if (batch.From == node.Id)
            {
                OnAnswer(answer);
            }
            else
            {
                bus.TrySendToNode(batch.From, new NodeBatch { From = node.Id, TrailAnswers = { answer } });
            }
        }

        foreach (var answer in batch.TrailAnswers)
        {
            OnAnswer(answer);
        }
    }

    internal NodeTrail Explain(TrailQuery query)
    {
        var trail = new NodeTrail { NodeId = node.Id };
        var delivery = log.Find(query.RoomId, query.Epoch, query.Seq);
        if (delivery is { } known)
        {
            trail.DeliveredAtMs = known.AtMs;
            trail.OwnerEpoch = known.OwnerEpoch;
            trail.ConnectionsThen = (uint)known.Connections;
            trail.LeftOut = (uint)(known.LeftOut?.Count ?? 0);
        }

        var leftOut = delivery?.LeftOut ?? [];
        List<ConnectionTrail> connections = [];
        if (hub.Find(query.RoomId) is { } room)
        {
            trail.HoldsRoom = true;
            trail.RoomSeq = room.Explain(query.Epoch, query.Seq, leftOut, connections);
        }

        connections.AddRange(log.LeftSince(query.RoomId, query.Epoch, query.Seq).Select(left => new ConnectionTrail
        {
            ConnectionId = left.ConnectionId,
            UserId = left.UserId,
            Outcome = leftOut.Contains(left.ConnectionId, StringComparer.Ordinal)
                ? ConnectionTrail.Types.Outcome.LeftOutThenGone : ConnectionTrail.Types.Outcome.SentThenGone,
        }));
        var wanted = query.UserId.Length == 0 ? connections : connections.FindAll(connection => connection.UserId == query.UserId);
        trail.Connections.AddRange(wanted.Take(MaxConnections));
        trail.HasMore = wanted.Count > MaxConnections;
        return trail;
    }

    private void OnAnswer(TrailAnswer answer)
    {
        if (_asked.TryGetValue(answer.QueryId, out var answers))
        {
            answers.Enqueue(answer.Trail);
        }
    }
}
