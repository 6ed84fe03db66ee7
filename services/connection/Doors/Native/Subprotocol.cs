using Tertulia.Connections.Events;
using Tertulia.Contracts;

namespace Tertulia.Connections.Doors.Native;

/// <summary>What a client offers in <c>Sec-WebSocket-Protocol</c>: versions of the protocol, and its token, which browsers cannot send otherwise.</summary>
/// <param name="Selected">To be echoed; null when the client offers no version. The token never is.</param>
/// <param name="IsSupported">False when the client only speaks other versions.</param>
internal readonly record struct Subprotocol(string? Selected, bool IsSupported)
{
    /// <summary>The version spoken here.</summary>
    public const string Version1 = "tertulia.v1.json";

    private const string AnyVersion = "tertulia.";

    /// <summary>Why a client that speaks no version of here may not come in; null when it does.</summary>
    public SocketRefusal? Refusal =>
        IsSupported ? null : new SocketRefusal(ErrorCode.BadRequest, CloseCode.UnsupportedVersion, $"Only {Version1} is spoken here");

    /// <summary>Chooses. When there is nothing to choose, the client's first version is echoed nevertheless: a browser shows its page the close code
    /// (4505) only after a handshake that it accepts.</summary>
    public static Subprotocol Choose(IReadOnlyList<string> offered)
    {
        if (offered.Contains(Version1, StringComparer.Ordinal))
        {
            return new Subprotocol(Version1, true);
        }

        var other = offered.FirstOrDefault(protocol => protocol.StartsWith(AnyVersion, StringComparison.Ordinal));
        return new Subprotocol(other, other is null);
    }
}
