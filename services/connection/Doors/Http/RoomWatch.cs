using Microsoft.Extensions.Options;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Submitting;
using Tertulia.Contracts;
using Tertulia.Link;

namespace Tertulia.Connections.Doors.Http;

/// <summary>Waits until something durable happens in some rooms. The node is subscribed to them as for its sessions, but nobody enters: no presence, no membership. Says
/// that something happened, not what: that is read from the log, where the reader's rights are checked.</summary>
internal sealed class RoomWatches(RoomHub hub, SubmitBatcher batcher, IOptions<OutboxOptions> outboxes, TimeProvider time)
{
    /// <summary>Begins to watch. Completes when what happens from now on in any of the rooms ends <see cref="RoomWatch.WhenChangedAsync"/>.</summary>
    /// <param name="roomIds">Rooms that the caller may read. One that does not exist is not watched.</param>
    /// <param name="cancellationToken">The client went.</param>
    public async Task<RoomWatch> BeginAsync(IReadOnlyCollection<string> roomIds, CancellationToken cancellationToken)
    {
        var watch = new RoomWatch(hub, outboxes.Value, time);
        try
        {
            var subscribing = roomIds.Select(roomId => SubscribeAsync(watch.Enter(roomId))).ToArray();
            await Task.WhenAll(subscribing).WaitAsync(cancellationToken);
            return watch;
        }
        catch
        {
            await watch.DisposeAsync();
            throw;
        }
    }

    /// <summary>Makes the caller a member of a room as entering it on a socket does. The node holds the room for some seconds, as of any session that came and left.</summary>
    /// <param name="caller">Who enters.</param>
    /// <param name="roomId">The room.</param>
    /// <param name="cancellationToken">The client went.</param>
    /// <returns><c>joined</c> or <c>refused</c>.</returns>
    public async Task<CommandReply> EnterAsync(Caller caller, string roomId, CancellationToken cancellationToken)
    {
        await using var watch = new RoomWatch(hub, outboxes.Value, time);
        watch.Enter(roomId);
        var join = new PendingJoin();
        if (!batcher.TrySubmit(new Command { RoomId = roomId, Actor = caller.ToActor(roomId), Join = new JoinRoom() }, join))
        {
            return new CommandReply { Refused = new Refusal { Code = ErrorCode.Overloaded, RetryAfterMs = (uint)batcher.RetryAfter.TotalMilliseconds } };
        }

        return await join.Outcome.WaitAsync(cancellationToken);
    }

    // Who is the first here: the room has no subscription yet. Afterwards it is kept as that of any room with members on this node (Subscriptions).
    private Task SubscribeAsync(RoomMember member)
    {
        if (member.Room.HasBase)
        {
            return Task.CompletedTask;
        }

        var subscribe = new PendingSubscribe();
        return batcher.TrySubmit(new Command { RoomId = member.Room.RoomId, Subscribe = new Subscribe() }, subscribe) ? subscribe.Ended : Task.CompletedTask;
    }

    /// <summary>The room's position is told to the room by the inbox. Without an answer in time the watch waits in vain, for no longer than it wanted to.</summary>
    private sealed class PendingSubscribe : PendingCommand
    {
        private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Ended => _ended.Task;

        public override void OnReply(CommandReply reply) => _ended.TrySetResult();

        public override void OnEvent(string roomId, string epoch, RoomEvent entry) => _ended.TrySetResult();

        public override void OnRefused(Refusal refusal) => _ended.TrySetResult();
    }
}

/// <summary>One wait for some rooms: a session of nobody, whose wire is a signal.</summary>
internal sealed class RoomWatch : IWire, IWireFormat, IAsyncDisposable
{
    private static readonly byte[] Signal = [1];

    private readonly TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<RoomMember> _members = [];
    private readonly RoomHub _hub;
    private readonly Session _session;
    private readonly TimeProvider _time;

    public RoomWatch(RoomHub hub, OutboxOptions options, TimeProvider time)
    {
        (_hub, _time) = (hub, time);
        _session = new Session(Guid.CreateVersion7().ToString("N"), new SessionOpening(null, null, null, null, null), new Outbox((IWire)this, options, time));
    }

    IWireFormat IWire.Format => this;

    ISharedWay? IWire.Way => null;

    /// <summary>Something durable happened since the watch began.</summary>
    public Task WhenChangedAsync() => _changed.Task;

    /// <summary>Adds a room. What happens in it from now on is seen once the node is subscribed.</summary>
    internal RoomMember Enter(string roomId)
    {
        var member = _hub.Enter(_session, roomId, userId: "");
        lock (member.Room.Gate)
        {
            member.GoLive(serverEvent: null, seq: 0);
        }

        _members.Add(member);
        return member;
    }

    byte[] IWireFormat.Encode(ServerEvent serverEvent) => serverEvent.Class == DeliveryClass.Ephemeral ? [] : Signal;

    ValueTask IWire.WriteAsync(WriteBatch batch)
    {
        if (batch.Length > 0)
        {
            _changed.TrySetResult();
        }

        return ValueTask.CompletedTask;
    }

    void IWire.Abort() => _changed.TrySetResult();

    public async ValueTask DisposeAsync()
    {
        foreach (var member in _members)
        {
            member.Room.Remove(member, _time.GetTimestamp());
        }

        _session.Outbox.End();
        await _session.DisposeAsync();
    }
}
