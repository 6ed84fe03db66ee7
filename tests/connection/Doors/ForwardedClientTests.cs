using System.Net;
using Tertulia.Connections.Tests.Doors.Native;

namespace Tertulia.Connections.Tests.Doors;

/// <summary>Whose word about a client's address is believed.</summary>
public sealed class ForwardedClientTests
{
    [Theory]
    [InlineData("198.51.100.7", "198.51.100.7")]
    [InlineData("2001:db8::7", "2001:db8::7")]
    [InlineData("::ffff:198.51.100.7", "198.51.100.7")]
    public async Task A_gateway_that_has_proved_itself_is_believed(string forwarded, string address) =>
        Assert.Equal((IPAddress.Parse(address), "gateway-1"), await SeenAsync(forwarded, http2: true));

    [Theory]
    [InlineData("198.51.100.7")]
    [InlineData("127.0.0.1, 198.51.100.7")]
    public async Task A_stranger_is_not_even_from_the_loopback_address(string forwarded) =>
        Assert.Equal((IPAddress.Loopback, null), await SeenAsync(forwarded, http2: false));

    [Theory]
    [InlineData("198.51.100.7", "198.51.100.7")]
    [InlineData("198.51.100.7:4711", "198.51.100.7")]
    [InlineData("2001:db8::7", "2001:db8::7")]
    [InlineData("[2001:db8::7]:4711", "2001:db8::7")]
    [InlineData("203.0.113.66, 198.51.100.7, 10.1.2.3", "198.51.100.7")]
    [InlineData("203.0.113.66, 2001:db8::7, [fd00::1]:80, 10.1.2.3:90", "2001:db8::7")]
    [InlineData("nonsense, 198.51.100.7", "198.51.100.7")]
    public async Task A_trusted_proxy_is_believed_as_far_back_as_the_hops_are_trusted(string forwarded, string address) =>
        Assert.Equal(
            (IPAddress.Parse(address), null),
            await SeenAsync(forwarded, http2: false, ("Sockets:TrustedProxies:0", "127.0.0.0/8"), ("Sockets:TrustedProxies:1", "10.0.0.0/8"), ("Sockets:TrustedProxies:2", "fd00::/8")));

    private static async Task<(IPAddress? Address, string? Gateway)> SeenAsync(string forwarded, bool http2, params (string Key, string Value)[] settings)
    {
        await using var host = await SocketHost.StartAsync(settings);
        using var ana = await host.ConnectAsAsync(
            "ana",
            configure: options =>
            {
                options.SetRequestHeader("X-Forwarded-For", forwarded);
                options.SetRequestHeader("X-Gateway-Id", "gateway-1");
            },
            http2: http2);
        var session = await host.Flow.OpenedAsync();
        return (session.Opening.Address, session.Opening.GatewayId);
    }
}
