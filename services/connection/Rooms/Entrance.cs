using Tertulia.Contracts;

namespace Tertulia.Connections.Rooms;

/// <summary>How a session wants to enter a room.</summary>
/// <param name="Reference">The frame's <c>ref</c>; null when it had none.</param>
/// <param name="Since">Position from which it resumes; null when it knows nothing of the room.</param>
/// <param name="History">Messages of history wanted when there is no position.</param>
/// <param name="Greets">The room of the URL: the answer is <c>connected</c>, and a refusal ends the session.</param>
internal sealed record Entrance(string? Reference, Position? Since, int History, bool Greets)
{
    /// <summary>Messages of history unless the client asks for another number.</summary>
    public const int DefaultHistory = 50;
}
