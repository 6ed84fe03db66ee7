using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Tertulia.Connections.Sessions;

/// <summary>How a node finds out that a client is gone.</summary>
public sealed class HeartbeatOptions
{
    internal const string Section = "Connections:Heartbeat";

    /// <summary>Silence of a client after which it is sent a WebSocket ping; told to clients as <c>heartbeat_ms</c>.</summary>
    /// <value>1 second to 1 hour; default 25 seconds.</value>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan Interval { get; set; } = TimeSpan.FromSeconds(25);

    /// <summary>Silence after the ping after which the client is closed with 4002. Any frame of the client counts.</summary>
    /// <value>1 second to 1 hour; default 20 seconds.</value>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(20);
}

[OptionsValidator]
internal sealed partial class HeartbeatOptionsValidator : IValidateOptions<HeartbeatOptions>;
