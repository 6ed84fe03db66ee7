using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Tertulia.Gateway.Limits;

/// <summary>What one client address may have of this gateway. An IPv6 network of 64 bits counts as one address.</summary>
/// <remarks>Generous, because a carrier's or an office's address stands for thousands of people; what one user may do is limited by the nodes.</remarks>
public sealed class ClientLimitOptions
{
    internal const string Section = "Gateway:Limits";

    /// <summary>WebSockets open at the same time.</summary>
    /// <value>Sockets, 0 (unlimited) to 1,000,000; default 10,000.</value>
    [Range(0, 1_000_000)]
    public int SocketsPerAddress { get; set; } = 10_000;

    /// <summary>Requests a second in the long run, WebSocket handshakes included.</summary>
    /// <value>Requests, 0 (unlimited) to 1,000,000; default 500.</value>
    [Range(0, 1_000_000)]
    public int RequestsPerSecond { get; set; } = 500;

    /// <summary>Requests at once after a pause: a whole office reconnects together.</summary>
    /// <value>Requests, 1 to 1,000,000; default 5,000.</value>
    [Range(1, 1_000_000)]
    public int RequestBurst { get; set; } = 5_000;
}

[OptionsValidator]
internal sealed partial class ClientLimitOptionsValidator : IValidateOptions<ClientLimitOptions>;
