using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;
using Tertulia.Hosting;

namespace Tertulia.Connections.Doors;

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
        foreach (var origin in options.AllowedOrigins)
        {
            if (origin != "*" && !WebOrigin.TryParse(origin, out _))
            {
                failures.Add($"Sockets:AllowedOrigins: '{origin}' is no origin of a page, such as https://chat.example.com: scheme, host and port, nothing else.");
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
