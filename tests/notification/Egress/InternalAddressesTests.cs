using System.Net;
using Microsoft.Extensions.Options;
using Tertulia.Notifications.Egress;

namespace Tertulia.Notifications.Tests.Egress;

public sealed class InternalAddressesTests
{
    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("127.255.255.254")]
    [InlineData("0.0.0.0")]
    [InlineData("10.0.0.1")]
    [InlineData("172.16.0.1")]
    [InlineData("172.31.255.255")]
    [InlineData("192.168.1.1")]
    [InlineData("169.254.169.254")]
    [InlineData("100.100.100.200")]
    [InlineData("168.63.129.16")]
    [InlineData("192.0.0.192")]
    [InlineData("224.0.0.1")]
    [InlineData("255.255.255.255")]
    [InlineData("::")]
    [InlineData("::1")]
    [InlineData("::ffff:127.0.0.1")]
    [InlineData("::ffff:10.1.2.3")]
    [InlineData("::ffff:169.254.169.254")]
    [InlineData("64:ff9b::7f00:1")]
    [InlineData("64:ff9b:1::1")]
    [InlineData("fe80::1")]
    [InlineData("fc00::1")]
    [InlineData("fd00:ec2::254")]
    [InlineData("ff02::1")]
    [InlineData("2001::1")]
    [InlineData("2001:db8::1")]
    [InlineData("2002:7f00:1::1")]
    public void What_is_not_of_the_public_Internet_is_internal(string address) => Assert.True(InternalAddresses.Contain(IPAddress.Parse(address)));

    [Theory]
    [InlineData("1.1.1.1")]
    [InlineData("172.15.255.255")]
    [InlineData("172.32.0.0")]
    [InlineData("192.167.255.255")]
    [InlineData("100.63.255.255")]
    [InlineData("168.63.129.17")]
    [InlineData("::ffff:1.1.1.1")]
    [InlineData("64:ff9b::101:101")]
    [InlineData("2606:4700:4700::1111")]
    [InlineData("2a00:1450:4001:830::200e")]
    public void What_is_of_the_public_Internet_is_not(string address) => Assert.False(InternalAddresses.Contain(IPAddress.Parse(address)));

    [Theory]
    [InlineData("https://push.example.net/a", null)]
    [InlineData("http://push.example.net/a", "the address is not https")]
    [InlineData("ftp://push.example.net/a", "the address is not https")]
    [InlineData("/a", "the address is not https")] // A file's.
    [InlineData("not a url", "the address is not a URL of at most 2048 characters")]
    [InlineData("https://user@push.example.net/a", "the address holds a user or a fragment")]
    [InlineData("https://127.0.0.1/a", "the address is internal")]
    [InlineData("https://[::ffff:a9fe:a9fe]/a", "the address is internal")]
    [InlineData("https://2130706433/a", "the address is internal")] // 127.0.0.1 as one number.
    [InlineData("https://0x7f.1/a", "the address is internal")]
    [InlineData("https://10.1.2.3/a", null)]
    public void An_address_is_taken_or_refused_with_a_reason(string url, string? refusal)
    {
        var rules = new EgressRules(Options.Create(new EgressOptions { AllowedNetworks = { "10.1.2.0/24" } }));

        Assert.Equal(refusal, rules.Refusal(url, out var parsed));
        Assert.Equal(refusal is null, parsed is not null);
    }

    [Fact]
    public void An_allowed_network_is_allowed_in_its_mapped_form_too()
    {
        var rules = new EgressRules(Options.Create(new EgressOptions { AllowedNetworks = { "127.0.0.0/8" } }));

        Assert.True(rules.Permits(IPAddress.Parse("::ffff:127.0.0.1")));
        Assert.False(rules.Permits(IPAddress.Parse("::1")));
    }
}
