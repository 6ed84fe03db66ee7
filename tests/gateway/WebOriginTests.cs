using Tertulia.Hosting;

namespace Tertulia.Gateway.Tests;

public sealed class WebOriginTests
{
    [Theory]
    [InlineData("https://chat.example.com", "https://chat.example.com")]
    [InlineData("HTTPS://Chat.Example.com:443", "https://chat.example.com")]
    [InlineData("http://127.0.0.1:8000", "http://127.0.0.1:8000")]
    [InlineData("http://[::1]:8000", "http://[::1]:8000")]
    [InlineData("https://tertúlia.example", "https://xn--tertlia-91a.example")]
    [InlineData("https://xn--tertlia-91a.example", "https://xn--tertlia-91a.example")]
    [InlineData("https://XN--TERTLIA-91A.example", "https://xn--tertlia-91a.example")]
    [InlineData("capacitor://localhost", "capacitor://localhost")]
    public void An_origin_is_scheme_host_and_port_whichever_way_they_are_written(string text, string written)
    {
        Assert.True(WebOrigin.TryParse(text, out var origin));

        Assert.Equal(written, origin.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("chat.example.com")]
    [InlineData("chat.example.com:8000")]
    [InlineData("//chat.example.com")]
    [InlineData("https://")]
    [InlineData("https://chat.example.com/")]
    [InlineData("https://chat.example.com/app")]
    [InlineData("https://chat.example.com?a")]
    [InlineData("https://chat.example.com#a")]
    [InlineData("https://ana@chat.example.com")]
    [InlineData("https://*.example.com")]
    [InlineData("https://*")]
    [InlineData("*://chat.example.com")]
    [InlineData("mailto:ana@example.com")]
    [InlineData("/app")]
    [InlineData("file:///app")]
    public void What_no_page_can_have_as_its_origin_is_none(string text) => Assert.False(WebOrigin.TryParse(text, out _));

    [Theory]
    [InlineData("https://chat.example.com", "chat.example.com", true)]
    [InlineData("https://chat.example.com", "chat.example.com:443", true)]
    [InlineData("https://chat.example.com", "CHAT.example.com", true)]
    [InlineData("https://chat.example.com", "chat.example.com:8443", false)]
    [InlineData("https://chat.example.com:8443", "chat.example.com", false)]
    [InlineData("https://chat.example.com:8443", "chat.example.com:8443", true)]
    [InlineData("https://evil.example", "chat.example.com", false)]
    [InlineData("https://xn--tertlia-91a.example", "tertúlia.example", true)]
    [InlineData("https://tertúlia.example:8443", "xn--tertlia-91a.example:8443", true)]
    [InlineData("http://[::1]:8000", "[::1]:8000", true)]
    [InlineData("http://[::1]", "[::1]", true)]
    [InlineData("https://chat.example.com", "", false)]
    public void A_page_asks_its_own_host_or_another(string origin, string host, bool same)
    {
        Assert.True(WebOrigin.TryParse(origin, out var page));

        Assert.Equal(same, page.IsSameHost(host));
    }
}
