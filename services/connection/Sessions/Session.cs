using Tertulia.Connections.Auth;
using Tertulia.Connections.Protocol;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sockets;

namespace Tertulia.Connections.Sessions;

/// <summary>One connected device.</summary>
/// <param name="connectionId">Unique in the cluster and new with every connection.</param>
/// <param name="opening">How it came in.</param>
/// <param name="outbox">The frames that wait for its socket.</param>
internal sealed class Session(string connectionId, SocketOpening opening, Outbox outbox)
{
    private long _lastHeard = Environment.TickCount64;

    public string ConnectionId { get; } = connectionId;

    public SocketOpening Opening { get; } = opening;

    public Outbox Outbox { get; } = outbox;

    /// <summary>Null until the client is authenticated; replaced by <c>auth_refresh</c>, never by another user.</summary>
    public Caller? Caller { get; set; } = opening.Caller;

    /// <summary>Rooms the session is in or enters, by room id. Touched by the session's own frames only, which never overlap.</summary>
    public Dictionary<string, RoomMember> Rooms { get; } = new(StringComparer.Ordinal);

    /// <summary><see cref="Environment.TickCount64"/> of the last inbound frame of any kind.</summary>
    public long LastHeard => Volatile.Read(ref _lastHeard);

    /// <summary>Something came from the client: it is alive.</summary>
    public void Heard() => Volatile.Write(ref _lastHeard, Environment.TickCount64);

    /// <summary>Queues a frame for the client.</summary>
    public SendOutcome Send(EncodedFrame frame) => Outbox.TryEnqueue(frame);

    /// <summary>Sends what waits, then the close frame, and ends the transport. Only the first call counts.</summary>
    public void Close(CloseCode code, string reason) => Outbox.Close(code, reason);
}
