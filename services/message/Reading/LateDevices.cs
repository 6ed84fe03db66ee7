using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Reading;

/// <summary>Tells of marks the devices that presence did not know yet when they were told: those that connected in that very moment.</summary>
/// <remarks>
/// <para>A device reads its marks when it connects. A mark that is written after that is told to the nodes where presence knows the user: if it does not know
/// this one yet, the device would not hear of it. So users of whom marks were told are looked for once more, when presence has heard of all who were connected
/// then, and nodes that were not told are: of the state as it is in the store by now. No other node hears anything.</para>
/// <para>Belongs to the loop that tells of marks, so that what is told here does not overtake a newer mark.</para>
/// </remarks>
internal sealed class LateDevices(UserEventSender users, IReadMarks marks, IMessageStore store, TimeProvider time)
{
    /// <summary>Time after which presence knows of every device that was connected, or does not answer.</summary>
    public static readonly TimeSpan After = TimeSpan.FromSeconds(2);

    /// <summary>Users and rooms that are remembered at most: what was read later is not looked at again.</summary>
    public const int MaxRemembered = 20_000;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500); // Between two questions to presence.

    private readonly Dictionary<MemberKey, Told> _told = [];
    private readonly Queue<(MemberKey Reader, long At)> _queue = new();
    private long _lookedAt;

    /// <summary>Time until the next look; null when nothing waits for one.</summary>
    public TimeSpan? Wait => !_queue.TryPeek(out var first) ? null
        : Longer(After - time.GetElapsedTime(first.At), _lookedAt == 0 ? TimeSpan.Zero : Pause - time.GetElapsedTime(_lookedAt));

    /// <summary>Marks were told. Of each user and room the last telling counts.</summary>
    /// <param name="events">What was told.</param>
    /// <param name="nodes">Where each user was; who is absent was told of on all nodes.</param>
    public void Add(IReadOnlyCollection<UserEvent> events, Dictionary<string, IReadOnlyList<string>> nodes)
    {
        var now = time.GetTimestamp();
        foreach (var told in events)
        {
            var reader = new MemberKey(told.Unread.RoomId, told.UserId);
            if (!nodes.TryGetValue(told.UserId, out var at))
            {
                _told.Remove(reader);
            }
            else if (_queue.Count < MaxRemembered)
            {
                _told[reader] = new Told(at, now);
                _queue.Enqueue((reader, now));
            }
        }
    }

    /// <summary>Looks for the users whose time has come.</summary>
    /// <exception cref="StoreUnavailableException">The store does not answer: these devices learn of their marks when they read them again.</exception>
    /// <exception cref="BusUnavailableException">The broker did not confirm.</exception>
    public async Task LookAsync(CancellationToken cancellationToken)
    {
        _lookedAt = time.GetTimestamp();
        var due = new Dictionary<MemberKey, IReadOnlyList<string>>();
        while (due.Count < UserEventSender.MaxUsers && _queue.TryPeek(out var first) && time.GetElapsedTime(first.At) >= After)
        {
            _queue.Dequeue();
            if (_told.TryGetValue(first.Reader, out var told) && told.At == first.At)
            {
                _told.Remove(first.Reader);
                due[first.Reader] = told.Nodes;
            }
        }

        if (due.Count == 0)
        {
            return;
        }

        var nodes = await users.LocateAsync(due.Keys.Select(reader => reader.UserId), cancellationToken);
        var late = due.ToDictionary(one => one.Key, one => nodes?.GetValueOrDefault(one.Key.UserId, []).Except(one.Value, StringComparer.Ordinal).ToArray());
        MemberKey[] readers = [.. late.Where(one => one.Value is null or { Length: > 0 }).Select(one => one.Key)];
        if (readers.Length == 0)
        {
            return;
        }

        var states = await marks.ReadAsync(readers, CancellationToken.None).WaitAsync(cancellationToken);
        (UserEvent Event, string[]? Nodes)[] events = [.. states.Select(state => (ReadChanges.EventOf(state.Key, state.Value, store.Epoch), late[state.Key]))];
        await users.SendToAsync(events.SelectMany(one => (one.Nodes ?? []).Select(nodeId => (nodeId, one.Event))), cancellationToken);
        if (nodes is null)
        {
            await users.SendAsync([.. events.Select(one => one.Event)], cancellationToken); // Presence is silent: to all, as it is told then.
        }
    }

    private static TimeSpan Longer(TimeSpan one, TimeSpan other)
    {
        var longer = one > other ? one : other;
        return longer > TimeSpan.Zero ? longer : TimeSpan.Zero;
    }

    private readonly record struct Told(IReadOnlyList<string> Nodes, long At);
}
