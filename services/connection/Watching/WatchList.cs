using System.Runtime.InteropServices;
using Microsoft.Extensions.Options;
using Tertulia.Connections.Announcing;
using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;

namespace Tertulia.Connections.Watching;

/// <summary>Which sessions of this node watch which users. The presence replicas are told of each user once, however many sessions watch it.</summary>
/// <remarks>Order of locks: this one, then an outbox's, or that of the presence reports.</remarks>
internal sealed class WatchList(PresenceReporter reporter, ChosenStatuses chosen, IOptions<WatchOptions> options)
{
    /// <summary>Users in one <c>presence_watch</c> (PROTOCOL §3).</summary>
    public const int MaxUsersInFrame = 500;

    private const int WatchBytes = 192; // An entry, and its places in both tables.
    private const int UserBytes = 320; // A user that is watched: the text, here and in the reports, and the table of its watches.

    private readonly Lock _lock = new();
    private readonly Dictionary<string, HashSet<Watch>> _users = new(StringComparer.Ordinal);
    private readonly Dictionary<Session, Dictionary<string, Watch>> _sessions = [];

    /// <summary>About what the watches take in memory.</summary>
    public long Bytes { get; private set; }

    /// <summary>The session watches these users from now on. What it is told of them waits for <see cref="Show"/>.</summary>
    /// <param name="session">Who watches.</param>
    /// <param name="userIds">Whom; again is allowed.</param>
    /// <param name="added">Those of them that it did not watch before.</param>
    /// <returns>Why it cannot; null when it can.</returns>
    public Refusal? Add(Session session, IReadOnlyCollection<string> userIds, out List<string> added)
    {
        added = [];
        lock (_lock)
        {
            var watched = _sessions.GetValueOrDefault(session);
            var more = watched is null ? userIds.Count : userIds.Count(userId => !watched.ContainsKey(userId));
            if ((watched?.Count ?? 0) + more > options.Value.UsersPerConnection)
            {
                return new Refusal { Code = ErrorCode.LimitExceeded, Detail = $"at most {options.Value.UsersPerConnection} users are watched on one connection" };
            }

            if (more > 0 && Bytes > options.Value.Bytes)
            {
                return new Refusal { Code = ErrorCode.Overloaded, Detail = "too many users are watched on this node" };
            }

            if (session.Ended.IsCancellationRequested)
            {
                return null; // Its watches were removed before: they must not come back.
            }

            watched ??= _sessions[session] = new Dictionary<string, Watch>(StringComparer.Ordinal);
            foreach (var userId in userIds)
            {
                if (watched.TryGetValue(userId, out var known))
                {
                    known.IsShown = false;
                    continue;
                }

                var watch = new Watch(session);
                watched.Add(userId, watch);
                AddTo(userId, watch);
                added.Add(userId);
            }

            return null;
        }
    }

    /// <summary>The session was told how these users are shown: what changed meanwhile follows, and what changes from now on goes to it at once.</summary>
    public void Show(Session session, IEnumerable<string> userIds)
    {
        lock (_lock)
        {
            if (!_sessions.TryGetValue(session, out var watched))
            {
                return;
            }

            foreach (var userId in userIds)
            {
                if (watched.TryGetValue(userId, out var watch))
                {
                    watch.IsShown = true;
                    if (watch.Kept is { } kept)
                    {
                        watch.Kept = null;
                        session.Send(kept);
                    }
                }
            }
        }
    }

    /// <summary>The session does not watch these users any more. Without effect for those that it did not watch.</summary>
    /// <returns>How many users it still watches.</returns>
    public int Remove(Session session, IEnumerable<string> userIds)
    {
        lock (_lock)
        {
            if (!_sessions.TryGetValue(session, out var watched))
            {
                return 0;
            }

            foreach (var userId in userIds)
            {
                if (watched.Remove(userId, out var watch))
                {
                    RemoveFrom(userId, watch);
                }
            }

            if (watched.Count == 0)
            {
                _sessions.Remove(session);
            }

            return watched.Count;
        }
    }

    /// <summary>The session does not watch anybody any more: it says so, or has ended.</summary>
    /// <returns>0.</returns>
    public int RemoveAll(Session session)
    {
        lock (_lock)
        {
            if (_sessions.Remove(session, out var watched))
            {
                foreach (var (userId, watch) in watched)
                {
                    RemoveFrom(userId, watch);
                }
            }

            return 0;
        }
    }

    /// <summary>A user is shown otherwise than before.</summary>
    public void OnChanged(PresentUser user) => Tell(user.UserId, new PresenceEvent(RoomId: null, user), isOwn: false);

    /// <summary>A user has chosen a status: its own devices are told what it is, also when it is <c>invisible</c>.</summary>
    public void OnChosen(ChosenStatus status) => Tell(status.UserId, new ChosenStatusEvent(status, Ref: null), isOwn: true);

    private void Tell(string userId, ServerEvent serverEvent, bool isOwn)
    {
        lock (_lock)
        {
            if (!_users.TryGetValue(userId, out var watches))
            {
                return;
            }

            foreach (var watch in watches)
            {
                // To others an invisible user is offline; its own devices know better.
                var isSelf = watch.Session.Caller?.UserId == userId;
                if (isOwn ? isSelf : !(isSelf && chosen.IsInvisible(userId)))
                {
                    watch.Tell(serverEvent);
                }
            }
        }
    }

    private void AddTo(string userId, Watch watch)
    {
        ref var watches = ref CollectionsMarshal.GetValueRefOrAddDefault(_users, userId, out var isWatched);
        if (!isWatched)
        {
            watches = [];
            Bytes += UserBytes + (4 * userId.Length);
            reporter.Watch(userId);
        }

        watches!.Add(watch);
        Bytes += WatchBytes + (2 * userId.Length);
    }

    private void RemoveFrom(string userId, Watch watch)
    {
        var watches = _users[userId];
        watches.Remove(watch);
        Bytes -= WatchBytes + (2 * userId.Length);
        if (watches.Count == 0)
        {
            _users.Remove(userId);
            Bytes -= UserBytes + (4 * userId.Length);
            reporter.Unwatch(userId);
        }
    }

    /// <summary>One session's watch of one user.</summary>
    private sealed class Watch(Session session)
    {
        public Session Session { get; } = session;

        /// <summary>The session was told how the user is shown.</summary>
        public bool IsShown { get; set; }

        /// <summary>What came before it was; the last one counts.</summary>
        public ServerEvent? Kept { get; set; }

        public void Tell(ServerEvent serverEvent)
        {
            if (IsShown)
            {
                Session.Send(serverEvent);
            }
            else
            {
                Kept = serverEvent;
            }
        }
    }
}
