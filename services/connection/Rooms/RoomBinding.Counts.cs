using Tertulia.Connections.Events;

namespace Tertulia.Connections.Rooms;

/// <content>How many users are in a large room or an auditorium: told at most once a second, however often it changes and whoever says so.</content>
internal sealed partial class RoomBinding
{
    /// <summary>The kind of rooms whose members are told counts only.</summary>
    public const string Auditorium = "auditorium";

    /// <summary>Time between two counts (PROTOCOL §3).</summary>
    public static readonly TimeSpan CountInterval = TimeSpan.FromSeconds(1);

    private uint? _online; // Null while the members know who is there.
    private bool _countDue;
    private bool _kindChanged;
    private long? _countedAt;

    /// <summary>The room is an auditorium.</summary>
    public bool IsAuditorium { get; private set; }

    /// <summary>What kind of room it is, or has become.</summary>
    /// <returns>False when it was known.</returns>
    public bool SetAuditorium(bool isAuditorium)
    {
        lock (Gate)
        {
            var changed = IsAuditorium != isAuditorium;
            IsAuditorium = isAuditorium;
            return changed;
        }
    }

    /// <returns>True when an entry has made it another kind of room since the last call.</returns>
    public bool TakeKindChange() => Interlocked.Exchange(ref _kindChanged, false);

    /// <summary>Tells the count that waits, when it is time.</summary>
    /// <returns>False when the room has no counts any more.</returns>
    public bool TellCount(TimeProvider time)
    {
        lock (Gate)
        {
            TryTellCount(time);
            return _online is not null && !Removed;
        }
    }

    /// <summary>A member that was entering missed the last count: it is told again, with the next one at the latest. Under <see cref="Gate"/>.</summary>
    internal void CountAgain() => _countDue = true;

    // Under the gate.
    private void OnSettings(string kind)
    {
        if (IsAuditorium != (kind == Auditorium))
        {
            IsAuditorium = !IsAuditorium;
            Volatile.Write(ref _kindChanged, true);
        }
    }

    private void TryTellCount(TimeProvider time)
    {
        if (!_countDue || _online is not { } online || (_countedAt is { } at && time.GetElapsedTime(at) < CountInterval))
        {
            return;
        }

        (_countDue, _countedAt) = (false, time.GetTimestamp());
        OfferPassing(new OnlineCountEvent(RoomId, online, MemberCount), exceptUser: null);
    }
}
