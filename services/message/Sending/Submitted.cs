using Tertulia.Contracts;
using Tertulia.Messages.Rooms;

namespace Tertulia.Messages.Sending;

/// <summary>One command of a flush with all that is known for deciding it.</summary>
/// <param name="Command">The command; not to be changed.</param>
/// <param name="NodeId">Node that sent it and receives the reply.</param>
/// <param name="Room">Its room, loaded.</param>
/// <param name="Member">The actor's place in the room, loaded; null for commands of the node itself.</param>
/// <param name="Batch">Index of its batch in the flush.</param>
/// <param name="OwnerEpoch">Since when this replica owns the partition.</param>
internal readonly record struct Submitted(Command Command, string NodeId, RoomState Room, MemberState? Member, int Batch, long OwnerEpoch);
