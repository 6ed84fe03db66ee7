using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Reading;

/// <summary>Tells of marks the devices that presence did not know yet when they were told (<see cref="LateNodes{TKey}"/>).</summary>
/// <remarks>Belongs to the loop that tells of marks, so that what is told here, of the state as it is in the store by now, does not overtake a newer mark.</remarks>
internal sealed class LateDevices(UserEventSender users, IReadMarks marks, IMessageStore store, TimeProvider time)
{
    private readonly LateNodes<MemberKey> _nodes = new(users, reader => reader.UserId, time);

    /// <summary>Time until the next look; null when nothing waits for one.</summary>
    public TimeSpan? Wait => _nodes.Wait;

    /// <summary>Marks were told. Of each user and room the last telling counts.</summary>
    /// <param name="events">What was told.</param>
    /// <param name="nodes">Where each user was; who is absent was told of on all nodes.</param>
    public void Add(IReadOnlyCollection<UserEvent> events, Dictionary<string, IReadOnlyList<string>> nodes) =>
        _nodes.Add(events.Select(told => new MemberKey(told.Unread.RoomId, told.UserId)), nodes);

    /// <summary>Looks for the users whose time has come.</summary>
    /// <exception cref="StoreUnavailableException">The store does not answer: these devices learn of their marks when they read them again.</exception>
    /// <exception cref="BusUnavailableException">The broker did not confirm.</exception>
    public async Task LookAsync(CancellationToken cancellationToken)
    {
        var late = await _nodes.TakeAsync(cancellationToken);
        if (late.Count > 0)
        {
            var states = await marks.ReadAsync([.. late.Keys], CancellationToken.None).WaitAsync(cancellationToken);
            await _nodes.TellAsync(late, [.. states.Select(state => (state.Key, ReadChanges.EventOf(state.Key, state.Value, store.Epoch)))], cancellationToken);
        }
    }
}
