using System.Collections.Concurrent;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Presence.Tests;

/// <summary>What a connection node does for presence: it is the truth about its own sockets, reports what changes, and announces all when asked.</summary>
internal sealed class TestNode : IAsyncDisposable
{
    private readonly ILiveBus _bus;
    private readonly int _partSize;
    private readonly SemaphoreSlim _turn = new(1);
    private readonly SortedDictionary<string, PresentConnection> _connections = new(StringComparer.Ordinal);
    private readonly SortedSet<string> _watched = new(StringComparer.Ordinal);
    private readonly SortedSet<string> _auditoriums = new(StringComparer.Ordinal);
    private readonly Recorder<RoomPresenceChange> _changes = new();
    private readonly ConcurrentQueue<RoomPresenceChange> _seen = new();
    private IAsyncDisposable? _reception;
    private ulong _version;

    private TestNode(ILiveBus bus, string id, int partSize) => (_bus, Id, _partSize) = (bus, id, partSize);

    public string Id { get; }

    /// <summary>Answers requests to announce itself.</summary>
    public bool Announces { get; set; } = true;

    /// <summary>Requests that came, answered or not.</summary>
    public Recorder<AnnounceRequest> Requests { get; } = new();

    public Recorder<UserNodes> UserNodes { get; } = new();

    /// <summary>Statuses that its users have chosen.</summary>
    public Recorder<ChosenStatus> Chosen { get; } = new();

    /// <summary>Of users who have chosen nothing.</summary>
    public Recorder<ChosenStatus> Unchosen { get; } = new();

    /// <summary>Users that it watches, as they are shown.</summary>
    public Recorder<PresentUser> Watched { get; } = new();

    /// <summary>Everything it was told of rooms, in order.</summary>
    public IReadOnlyCollection<RoomPresenceChange> Seen => _seen;

    public IEnumerable<PresentConnection> Connections => _connections.Values;

    public static async Task<TestNode> StartAsync(ILiveBus bus, string id, int partSize = 1_000)
    {
        var node = new TestNode(bus, id, partSize);
        node._reception = await bus.ReceiveAsNodeAsync(id, node.OnBatchAsync, () => ValueTask.CompletedTask, CancellationToken.None);
        return node;
    }

    public Task OpenAsync(string connectionId, string userId, params string[] rooms) =>
        ReportAsync([Opened(connectionId, userId), .. rooms.Select(room => Entered(connectionId, room))]);

    public Task EnterAsync(string connectionId, string roomId) => ReportAsync([Entered(connectionId, roomId)]);

    public Task LeaveAsync(string connectionId, string roomId) =>
        ReportAsync([new PresenceChange { ConnectionId = connectionId, Left = roomId }]);

    public Task CloseAsync(string connectionId) => ReportAsync([Closed(connectionId)]);

    public Task FocusAsync(string connectionId, string roomId) => ReportAsync([new PresenceChange { ConnectionId = connectionId, Focused = roomId }]);

    public Task SetAwayAsync(string connectionId, bool isAway) => ReportAsync([new PresenceChange { ConnectionId = connectionId, Away = isAway }]);

    public Task WatchAsync(params string[] userIds) => ReportAsync([.. userIds.Select(userId => new PresenceChange { Watched = userId })]);

    public Task UnwatchAsync(string userId) => ReportAsync([new PresenceChange { Unwatched = userId }]);

    /// <summary>The room is an auditorium, or is none any more.</summary>
    public Task MarkAsync(string roomId, bool isAuditorium) =>
        ReportAsync([isAuditorium ? new PresenceChange { Auditorium = roomId } : new PresenceChange { NoAuditorium = roomId }]);

    public Task ReviewAsync(string roomId) => ReportAsync([new PresenceChange { Review = roomId }]);

    public static PresenceChange Opened(string connectionId, string userId) =>
        new() { ConnectionId = connectionId, Opened = new ConnectionOpened { UserId = userId, Username = userId.ToUpperInvariant() } };

    public static PresenceChange Entered(string connectionId, string roomId) => new() { ConnectionId = connectionId, Entered = roomId };

    public static PresenceChange Closed(string connectionId) => new() { ConnectionId = connectionId, Closed = new ConnectionClosed() };

    public async Task ReportAsync(IReadOnlyList<PresenceChange> changes)
    {
        await _turn.WaitAsync();
        try
        {
            foreach (var change in changes)
            {
                Apply(change);
            }

            var report = new PresenceReport { NodeId = Id, Version = ++_version, Delta = new PresenceDelta { Changes = { changes } } };
            await _bus.PublishPresenceAsync(report, CancellationToken.None);
        }
        finally
        {
            _turn.Release();
        }
    }

    public async Task HeartbeatAsync(ulong wrongBy = 0)
    {
        await _turn.WaitAsync();
        try
        {
            var digest = wrongBy;
            foreach (var connection in _connections.Values)
            {
                digest += Digest.Of(connection.ConnectionId, "");
                digest += connection.Away ? Digest.OfAway(connection.ConnectionId) : 0;
                digest += connection.FocusedRoomId.Length > 0 ? Digest.OfFocused(connection.ConnectionId, connection.FocusedRoomId) : 0;
                foreach (var room in connection.RoomIds)
                {
                    digest += Digest.Of(connection.ConnectionId, room);
                }
            }

            digest += _auditoriums.Aggregate(0UL, (sum, roomId) => sum + Digest.OfAuditorium(roomId));
            digest += _watched.Aggregate(0UL, (sum, userId) => sum + Digest.OfWatched(userId));
            var heartbeat = new PresenceHeartbeat { Digest = digest, Connections = (uint)_connections.Count };
            await _bus.PublishPresenceAsync(new PresenceReport { NodeId = Id, Version = _version, Heartbeat = heartbeat }, CancellationToken.None);
        }
        finally
        {
            _turn.Release();
        }
    }

    public Task GoAsync() =>
        _bus.PublishPresenceAsync(new PresenceReport { NodeId = Id, Version = ++_version, Gone = new NodeGone() }, CancellationToken.None);

    /// <param name="parts">How many of the parts get out; null: all.</param>
    public async Task AnnounceAsync(int? parts = null)
    {
        await _turn.WaitAsync();
        try
        {
            PresentConnection[][] chunks = [.. _connections.Values.Select(connection => connection.Clone()).Chunk(_partSize).DefaultIfEmpty([])];
            for (var part = 0; part < (parts ?? chunks.Length); part++)
            {
                var snapshot = new PresenceSnapshot { Part = (uint)part, Parts = (uint)chunks.Length, Connections = { chunks[part] } };
                if (part == chunks.Length - 1)
                {
                    snapshot.Watched.Add(_watched);
                    snapshot.Auditoriums.Add(_auditoriums);
                }

                await _bus.PublishPresenceAsync(new PresenceReport { NodeId = Id, Version = _version, Snapshot = snapshot }, CancellationToken.None);
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>The next change of a room, in words: <c>lobby 2 +bruno -ana</c> or <c>lobby 101 counts</c>.</summary>
    public async Task<string> NextChangeAsync() => Words(await _changes.NextAsync());

    /// <summary>Changes that it was told and that were not read.</summary>
    public int Waiting => _changes.Waiting;

    /// <summary>What it was told until now and was not read.</summary>
    public IReadOnlyList<string> Unread() => [.. _changes.Drain().Select(Words)];

    public async ValueTask DisposeAsync()
    {
        if (_reception is not null)
        {
            await _reception.DisposeAsync();
        }

        _turn.Dispose();
    }

    /// <summary>A user in words: <c>ana</c>, or <c>ana=busy: in a call</c> when it is shown as more than <c>online</c>.</summary>
    public static string Words(PresentUser user)
    {
        string[] words = [user.UserId + (user.Status == PresenceStatus.Online ? "" : $"={user.Status}"), user.Emoji, user.Text];
        return string.Join(' ', words.Where(word => word.Length > 0));
    }

    private static string Words(RoomPresenceChange change) => string.Join(' ', [
        change.RoomId,
        change.Online,
        .. change.Joined.Select(user => $"+{Words(user)}").Order(StringComparer.Ordinal),
        .. change.Changed.Select(user => $"~{Words(user)}").Order(StringComparer.Ordinal),
        .. change.Left.Select(user => $"-{user.UserId}").Order(StringComparer.Ordinal),
        .. change.Complete ? ["all"] : Array.Empty<string>(),
        .. change.CountsOnly ? ["counts"] : Array.Empty<string>()]);

    private void Apply(PresenceChange change)
    {
        switch (change.ChangeCase)
        {
            case PresenceChange.ChangeOneofCase.Opened:
                _connections[change.ConnectionId] = new PresentConnection
                {
                    ConnectionId = change.ConnectionId, UserId = change.Opened.UserId, Username = change.Opened.Username,
                };
                break;
            case PresenceChange.ChangeOneofCase.Closed:
                _connections.Remove(change.ConnectionId);
                break;
            case PresenceChange.ChangeOneofCase.Entered:
                _connections[change.ConnectionId].RoomIds.Add(change.Entered);
                break;
            case PresenceChange.ChangeOneofCase.Left:
                _connections[change.ConnectionId].RoomIds.Remove(change.Left);
                break;
            case PresenceChange.ChangeOneofCase.Away:
                _connections[change.ConnectionId].Away = change.Away;
                break;
            case PresenceChange.ChangeOneofCase.Focused:
                _connections[change.ConnectionId].FocusedRoomId = change.Focused;
                break;
            case PresenceChange.ChangeOneofCase.Watched:
                _watched.Add(change.Watched);
                break;
            case PresenceChange.ChangeOneofCase.Auditorium:
                _auditoriums.Add(change.Auditorium);
                break;
            case PresenceChange.ChangeOneofCase.NoAuditorium:
                _auditoriums.Remove(change.NoAuditorium);
                break;
            case PresenceChange.ChangeOneofCase.Unwatched:
                _watched.Remove(change.Unwatched);
                break;
        }
    }

    private async ValueTask OnBatchAsync(NodeBatch batch)
    {
        foreach (var change in batch.Presence)
        {
            _seen.Enqueue(change);
            _changes.Add(change);
        }

        foreach (var chosen in batch.Chosen)
        {
            (chosen.Stamp > 0 ? Chosen : Unchosen).Add(chosen);
        }

        foreach (var user in batch.Watched)
        {
            Watched.Add(user);
        }

        foreach (var user in batch.UserNodes)
        {
            UserNodes.Add(user);
        }

        if (batch.Announce is { } request && (request.NodeIds.Count == 0 || request.NodeIds.Contains(Id)))
        {
            Requests.Add(request);
            if (Announces)
            {
                await AnnounceAsync();
            }
        }
    }
}
