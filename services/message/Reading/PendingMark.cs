using Tertulia.Messages.Flushing;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Reading;

/// <summary>A mark that was decided and is answered when it is durable.</summary>
/// <param name="Submitted">The command.</param>
/// <param name="Mark">What it asks for, within the room.</param>
/// <param name="Moves">The mark is to be written: it was not known to be there already.</param>
/// <param name="Subscribers">Nodes that hold the room.</param>
/// <param name="HasReceipts">Its other users are told: the room is small enough, and the reader is not invisible.</param>
internal readonly record struct PendingMark(Submitted Submitted, ReadMark Mark, bool Moves, string[] Subscribers, bool HasReceipts)
{
    private const int Overhead = 512; // The command and what points to it.

    /// <summary>Memory that it holds while it waits, about.</summary>
    public int Bytes => Overhead + (4 * (Mark.Reader.RoomId.Length + Mark.Reader.UserId.Length));
}
