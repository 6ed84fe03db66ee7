using Tertulia.Contracts;

namespace Tertulia.Connections.Events;

/// <summary>What a user who enters a room is shown.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="Snapshot">Its position and messages.</param>
/// <param name="ActiveUsers">Who is there; empty in a large room.</param>
/// <param name="Online">How many are there.</param>
internal sealed record RoomView(string RoomId, Snapshot Snapshot, IReadOnlyList<PresentUser> ActiveUsers, uint Online)
{
    /// <summary>The messages of the snapshot that fit into one event beside the users.</summary>
    /// <param name="otherBytes">Of the event, beside users and messages.</param>
    /// <param name="taken">How many. When the snapshot is recovered these are the first ones, and the caller sends the others one by one; otherwise they are the
    /// newest, and the client pages back from them.</param>
    public IReadOnlyList<Message> FitHistory(int otherBytes, out int taken)
    {
        // Of what was missed the oldest come first; of a history the newest matter.
        var budget = ServerEvent.MaxBytes - otherBytes - EventSize.Of(ActiveUsers);
        var history = EventSize.Fit(Snapshot.Messages, budget, fromEnd: !Snapshot.Recovered);
        taken = history.Count;
        return history;
    }
}
