using Tertulia.Contracts;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Verbs;

namespace Tertulia.Messages.Flushing;

/// <summary>One command of a flush with all that is known for deciding it.</summary>
/// <param name="Command">The command; not to be changed.</param>
/// <param name="Verb">What it asks for; null when this service does not know it.</param>
/// <param name="NodeId">Node that sent it and receives the reply.</param>
/// <param name="Room">Its room, loaded.</param>
/// <param name="Member">The actor's place in the room, loaded; null for commands of the node itself, and without a complete actor.</param>
/// <param name="Batch">Index of its batch in the flush.</param>
/// <param name="OwnerEpoch">Since when this replica owns the partition.</param>
internal readonly record struct Submitted(
    Command Command, IVerb? Verb, string NodeId, RoomState Room, MemberState? Member, int Batch, long OwnerEpoch);
