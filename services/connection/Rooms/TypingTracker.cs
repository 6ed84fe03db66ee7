using System.Collections.Concurrent;
using Tertulia.Bus;
using Tertulia.Connections.Events;
using Tertulia.Connections.Submitting;
using Tertulia.Connections.Watching;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Rooms;

/// <summary>Typing: from a member to the others here and, in one hop, to the other nodes of the room; every node ends by itself what is not repeated.</summary>
/// <remarks>Who is invisible, or may be, is not seen typing: it would say that they are there before they chose to say something.</remarks>
internal sealed class TypingTracker(ILiveBus bus, ProcessIdentity node, ChosenStatuses chosen, TimeProvider time, ILogger<TypingTracker> logger) : BackgroundService
{
    private static readonly TimeSpan SweepInterval = TimeSpan.FromMilliseconds(250);

    private readonly ConcurrentDictionary<RoomBinding, bool> _rooms = [];

    /// <summary>A member of this node says that it types, or stopped.</summary>
    public void OnMember(RoomMember member, bool isTyping)
    {
        if (member.Session.Caller is { } caller && (!isTyping || chosen.IsVisible(caller.UserId)))
        {
            Tell(member.Room, caller.UserId, caller.Username, member.Session.ConnectionId, isTyping);
        }
    }

    /// <summary>A member leaves: if it typed, it stopped.</summary>
    public void OnLeft(RoomMember member) => OnMember(member, isTyping: false);

    /// <summary>A user of another node.</summary>
    /// <param name="nodeId">That node.</param>
    /// <param name="room">The room.</param>
    /// <param name="ephemeral">Who types, or stopped.</param>
    public void OnOtherNode(string nodeId, RoomBinding room, Ephemeral ephemeral)
    {
        if (room.ReportTyping(ephemeral.UserId, ephemeral.Username, nodeId, isLocal: false, ephemeral.Typing.IsTyping, time).Here)
        {
            _rooms.TryAdd(room, true);
        }
    }

    /// <summary>One round: ends what was not repeated.</summary>
    internal void Sweep()
    {
        using var batch = DeliveryBatch.Begin();
        foreach (var (room, _) in _rooms)
        {
            // Taken out first: a report that comes between puts the room in again.
            _rooms.TryRemove(room, out _);
            if (room.ExpireTyping())
            {
                _rooms.TryAdd(room, true);
            }
        }
    }

    /// <inheritdoc />
    /// <remarks>The other nodes end by themselves what this one does not end any more.</remarks>
    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Rounds.RunAsync(Sweep, SweepInterval, time, logger, stoppingToken);

    private void Tell(RoomBinding room, string userId, string username, string connectionId, bool isTyping)
    {
        var news = room.ReportTyping(userId, username, connectionId, isLocal: true, isTyping, time);
        if (news.Here)
        {
            _rooms.TryAdd(room, true);
        }

        var others = room.OtherNodes;
        if (!news.OtherNodes || others.Length == 0)
        {
            return;
        }

        var ephemeral = new Ephemeral { RoomId = room.RoomId, UserId = userId, Username = username, Typing = new Typing { IsTyping = isTyping } };
        var batch = new NodeBatch { From = node.Id, Ephemerals = { ephemeral } };
        foreach (var nodeId in others)
        {
            bus.TrySendToNode(nodeId, batch); // At most once: what is dropped ends by itself.
        }
    }
}
