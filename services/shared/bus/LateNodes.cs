using Tertulia.Contracts;

namespace Tertulia.Bus;

/// <summary>Finds the nodes that presence did not know yet when users were told of something: those to which a device connected in that very moment.</summary>
/// <remarks>A device reads what is so when it connects. What changes after that is told to the nodes where presence knows the user: if it does not know this
/// one yet, the device would not hear of it. So users who were told are looked for once more, when presence has heard of all who were connected then, and
/// nodes that were not told are: of what is so by now. No other node hears anything.</remarks>
/// <typeparam name="TKey">What users are told of.</typeparam>
/// <param name="users">Tells them.</param>
/// <param name="userOf">Whose it is.</param>
/// <param name="time">The clock.</param>
public sealed class LateNodes<TKey>(UserEventSender users, Func<TKey, string> userOf, TimeProvider time)
    where TKey : notnull
{
    /// <summary>Time after which presence knows of every device that was connected, or does not answer.</summary>
    public static readonly TimeSpan After = TimeSpan.FromSeconds(2);

    /// <summary>Time between two questions to presence.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    /// <summary>What is remembered at most: what was told later is not looked at again.</summary>
    public const int MaxRemembered = 20_000;

    private readonly Lock _lock = new();
    private readonly Dictionary<TKey, Told> _told = [];
    private readonly Queue<(TKey Key, long At)> _queue = new();
    private long _lookedAt;

    /// <summary>Time until the next look; null when nothing waits for one.</summary>
    public TimeSpan? Wait
    {
        get
        {
            lock (_lock)
            {
                return !_queue.TryPeek(out var first) ? null
                    : Longer(After - time.GetElapsedTime(first.At), _lookedAt == 0 ? TimeSpan.Zero : Pause - time.GetElapsedTime(_lookedAt));
            }
        }
    }

    /// <summary>Users were told. Of each key the last telling counts.</summary>
    /// <param name="keys">What of.</param>
    /// <param name="nodes">Where each user was; who is absent was told of on all nodes.</param>
    public void Add(IEnumerable<TKey> keys, Dictionary<string, IReadOnlyList<string>> nodes)
    {
        var now = time.GetTimestamp();
        lock (_lock)
        {
            foreach (var key in keys)
            {
                if (!nodes.TryGetValue(userOf(key), out var at))
                {
                    _told.Remove(key);
                }
                else if (_queue.Count < MaxRemembered)
                {
                    _told[key] = new Told(at, now);
                    _queue.Enqueue((key, now));
                }
            }
        }
    }

    /// <summary>Looks for the users whose time has come.</summary>
    /// <returns>The nodes that were not told, of what has some; null: presence does not answer, and all of them may be.</returns>
    public async Task<Dictionary<TKey, string[]?>> TakeAsync(CancellationToken cancellationToken)
    {
        var due = TakeDue();
        if (due.Count == 0)
        {
            return [];
        }

        var nodes = await users.LocateAsync(due.Keys.Select(userOf), cancellationToken);
        return due.Select(one => (one.Key, Nodes: nodes?.GetValueOrDefault(userOf(one.Key), []).Except(one.Value, StringComparer.Ordinal).ToArray()))
            .Where(one => one.Nodes is null or { Length: > 0 }).ToDictionary(one => one.Key, one => one.Nodes);
    }

    /// <summary>Tells them.</summary>
    /// <param name="late">As they were found.</param>
    /// <param name="events">What is so now.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <exception cref="BusUnavailableException">The broker did not confirm: these devices learn of it when they read it again.</exception>
    public async Task TellAsync(Dictionary<TKey, string[]?> late, IReadOnlyCollection<(TKey Key, UserEvent Event)> events, CancellationToken cancellationToken)
    {
        await users.SendToAsync(events.SelectMany(one => (late[one.Key] ?? []).Select(nodeId => (nodeId, one.Event))), cancellationToken);
        UserEvent[] toAll = [.. events.Where(one => late[one.Key] is null).Select(one => one.Event)];
        if (toAll.Length > 0)
        {
            await users.SendAsync(toAll, cancellationToken); // Presence is silent: to all, as it is told then.
        }
    }

    private Dictionary<TKey, IReadOnlyList<string>> TakeDue()
    {
        var due = new Dictionary<TKey, IReadOnlyList<string>>();
        lock (_lock)
        {
            _lookedAt = time.GetTimestamp();
            while (due.Count < UserEventSender.MaxUsers && _queue.TryPeek(out var first) && time.GetElapsedTime(first.At) >= After)
            {
                _queue.Dequeue();
                if (_told.TryGetValue(first.Key, out var told) && told.At == first.At)
                {
                    _told.Remove(first.Key);
                    due[first.Key] = told.Nodes;
                }
            }
        }

        return due;
    }

    private static TimeSpan Longer(TimeSpan one, TimeSpan other)
    {
        var longer = one > other ? one : other;
        return longer > TimeSpan.Zero ? longer : TimeSpan.Zero;
    }

    private readonly record struct Told(IReadOnlyList<string> Nodes, long At);
}
