using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Tertulia.Connections.Sockets;

/// <summary>The WebSockets of a connection node.</summary>
public sealed class SocketOptions
{
    internal const string Section = "Sockets";

    /// <summary>Origins of web pages that may connect, such as <c>https://chat.example.com</c>; <c>*</c> allows all.</summary>
    /// <value>Default empty: pages of the same host; in the Development environment all.</value>
    public IList<string> AllowedOrigins { get; } = [];

    /// <summary>Networks of proxies in front of <c>urls</c> whose <c>X-Forwarded-For</c>, <c>-Host</c> and <c>-Proto</c> are believed, as <c>10.0.0.0/8</c>. The gateway is
    /// not one of them: it proves itself by <c>Internal__Secret</c>.</summary>
    /// <value>Default empty: only the gateway is believed.</value>
    public IList<string> TrustedProxies { get; } = [];

    /// <summary>Whether <c>permessage-deflate</c> (RFC 7692) is negotiated, without context takeover, so that compressed frames are shared, too.</summary>
    /// <value>Default false: chat messages gain little, and each compressed inbound message costs an inflater.</value>
    public bool Compression { get; set; }

    /// <summary>Bytes waiting for one client above which room events are left out (<c>gap</c>) and ephemeral frames dropped.</summary>
    /// <value>16 KiB to 64 MiB; default 256 KiB.</value>
    [Range(16 * 1024, 64 * 1024 * 1024)]
    public int SoftLimitBytes { get; set; } = 256 * 1024;

    /// <summary>Bytes waiting for one client above which it is closed with 4003.</summary>
    /// <value>Above <see cref="SoftLimitBytes"/>, to 256 MiB; default 1 MiB.</value>
    [Range(16 * 1024, 256 * 1024 * 1024)]
    public int HardLimitBytes { get; set; } = 1024 * 1024;

    /// <summary>Time without any progress of a write after which the client is closed with 4003.</summary>
    /// <value>1 second to 10 minutes; default 30 seconds.</value>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan StallTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Time for what waits to be sent when a connection is closed; a slow client (4003) gets only <see cref="CloseTimeout"/>.</summary>
    /// <value>1 second to 5 minutes; default 10 seconds.</value>
    [Range(typeof(TimeSpan), "00:00:01", "00:05:00")]
    public TimeSpan FlushTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Time for the client to answer the close frame before the connection is cut.</summary>
    /// <value>100 milliseconds to 1 minute; default 2 seconds.</value>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:01:00")]
    public TimeSpan CloseTimeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>Time for a client that came without a token to send <c>auth</c> before it is closed with 4502.</summary>
    /// <value>1 second to 5 minutes; default 10 seconds.</value>
    [Range(typeof(TimeSpan), "00:00:01", "00:05:00")]
    public TimeSpan AuthTimeout { get; set; } = TimeSpan.FromSeconds(10);
}

[OptionsValidator]
internal sealed partial class SocketOptionsValidator : IValidateOptions<SocketOptions>;

/// <summary>Rules across keys, and formats.</summary>
internal sealed class SocketOptionsRules : IValidateOptions<SocketOptions>
{
    public ValidateOptionsResult Validate(string? name, SocketOptions options)
    {
        var failures = new List<string>();
        if (options.HardLimitBytes <= options.SoftLimitBytes)
        {
            failures.Add($"Sockets:HardLimitBytes ({options.HardLimitBytes}) must be above Sockets:SoftLimitBytes ({options.SoftLimitBytes}).");
        }

        foreach (var origin in options.AllowedOrigins)
        {
            if (origin != "*" && !Uri.TryCreate(origin, UriKind.Absolute, out _))
            {
                failures.Add($"Sockets:AllowedOrigins: '{origin}' is not an origin such as https://chat.example.com.");
            }
        }

        foreach (var proxy in options.TrustedProxies)
        {
            if (!System.Net.IPNetwork.TryParse(proxy, out _))
            {
                failures.Add($"Sockets:TrustedProxies: '{proxy}' is not a network such as 10.0.0.0/8.");
            }
        }

        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }
}
