using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Tertulia.Connections.Doors;

namespace Tertulia.Connections.Tests.Doors;

public sealed class OriginRulesTests
{
    [Theory]
    [InlineData(null, "chat.example.com", true)]
    [InlineData("https://chat.example.com", "chat.example.com", true)]
    [InlineData("https://xn--tertlia-91a.example", "tertúlia.example", true)] // So the framework writes a host that a gateway has forwarded.
    [InlineData("https://xn--tertlia-91a.example", "xn--tertlia-91a.example", true)]
    [InlineData("https://xn--tertlia-91a.example:8443", "tertúlia.example:8443", true)]
    [InlineData("https://evil.example", "chat.example.com", false)]
    [InlineData("null", "chat.example.com", false)]
    public void Without_a_list_a_page_may_connect_to_its_own_host(string? origin, string host, bool allowed) =>
        Assert.Equal(allowed, Rules().Allows(origin, host));

    [Theory]
    [InlineData("https://xn--tertlia-91a.example", true)]
    [InlineData("https://XN--tertlia-91a.example", true)]
    [InlineData("https://app.example.com", true)]
    [InlineData("http://app.example.com", false)]
    [InlineData("https://app.example.com:8443", false)]
    [InlineData("https://chat.example.com", false)]
    public void With_a_list_the_pages_of_these_origins_may_connect_however_they_are_written(string origin, bool allowed) =>
        Assert.Equal(allowed, Rules("https://tertúlia.example", "https://App.example.com:443").Allows(origin, "chat.example.com"));

    [Theory]
    [InlineData("app.example.com")]
    [InlineData("https://app.example.com/")]
    [InlineData("https://app.example.com/chat")]
    [InlineData("https://*.example.com")]
    [InlineData("null")]
    public void An_entry_that_can_never_match_stops_the_start(string origin)
    {
        var options = new SocketOptions();
        options.AllowedOrigins.Add(origin);

        var result = new SocketOptionsRules().Validate(null, options);

        Assert.Contains($"Sockets:AllowedOrigins: '{origin}' is no origin of a page", result.FailureMessage, StringComparison.Ordinal);
    }

    private static OriginRules Rules(params string[] allowed)
    {
        var options = new SocketOptions();
        foreach (var origin in allowed)
        {
            options.AllowedOrigins.Add(origin);
        }

        return new OriginRules(Options.Create(options), new Production());
    }

    private sealed class Production : IHostEnvironment
    {
        public string EnvironmentName { get; set; } = Environments.Production;

        public string ApplicationName { get; set; } = "";

        public string ContentRootPath { get; set; } = "";

        public Microsoft.Extensions.FileProviders.IFileProvider ContentRootFileProvider { get; set; } = null!;
    }
}
