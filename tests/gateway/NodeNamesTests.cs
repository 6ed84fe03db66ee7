using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Yarp.ReverseProxy.Configuration;

namespace Tertulia.Gateway.Tests;

public sealed class NodeNamesTests
{
    private static readonly Dictionary<string, DestinationConfig> Headless = new() { ["a"] = new DestinationConfig { Address = "http://nodes:8081" } };

    private readonly FakeTimeProvider _time = new();
    private IPAddress[]? _answer = [IPAddress.Parse("10.0.0.1"), IPAddress.Parse("fd00::2")];

    [Fact]
    public async Task Every_address_behind_a_name_is_a_node()
    {
        var found = await Names().ResolveDestinationsAsync(Headless, default);

        Assert.Equal(["http://10.0.0.1:8081", "http://[fd00::2]:8081"], found.Destinations.Keys.Order(StringComparer.Ordinal));
        Assert.All(found.Destinations, node => Assert.Equal(node.Key, node.Value.Address));
    }

    [Fact]
    public async Task A_name_that_nobody_knows_yet_has_no_nodes_and_is_looked_up_again()
    {
        _answer = null;
        var names = Names();

        var early = await names.ResolveDestinationsAsync(Headless, default);
        var before = early.ChangeToken!.HasChanged;
        _time.Advance(TimeSpan.FromSeconds(5));
        _answer = [IPAddress.Parse("10.0.0.1")];
        var later = await names.ResolveDestinationsAsync(Headless, default);

        Assert.Empty(early.Destinations);
        Assert.False(before);
        Assert.True(early.ChangeToken.HasChanged);
        Assert.Single(later.Destinations);
    }

    [Fact]
    public async Task While_a_name_cannot_be_looked_up_its_nodes_stay()
    {
        var names = Names();
        await names.ResolveDestinationsAsync(Headless, default);

        _answer = null;
        var meanwhile = await names.ResolveDestinationsAsync(Headless, default);

        Assert.Equal(2, meanwhile.Destinations.Count);
    }

    private NodeNames Names() => new(Options.Create(new GatewayOptions { ResolveEvery = TimeSpan.FromSeconds(5) }), _time, NullLogger<NodeNames>.Instance)
    {
        LookUp = (_, _) => _answer is null ? Task.FromException<IPAddress[]>(new SocketException((int)SocketError.HostNotFound)) : Task.FromResult(_answer),
    };
}
