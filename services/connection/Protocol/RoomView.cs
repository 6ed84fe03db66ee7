using Tertulia.Contracts;

namespace Tertulia.Connections.Protocol;

/// <summary>What a user who enters a room is shown.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="Snapshot">Its position and messages.</param>
/// <param name="ActiveUsers">Who is there; empty in a large room.</param>
/// <param name="Online">How many are there.</param>
internal sealed record RoomView(string RoomId, Snapshot Snapshot, IReadOnlyList<PresentUser> ActiveUsers, uint Online);
