using Tertulia.Connections.Auth;

namespace Tertulia.AllInOne.Tests;

public sealed class GreetingTests
{
    [Fact]
    public void It_names_the_commands_as_they_are_to_be_typed()
    {
        var text = Greeting.Text(new Uri("http://127.0.0.1:8000"), AuthMode.Development, "/data", "/data/logs");

        Assert.Contains("./dev chat 1 --name Ana\n", text, StringComparison.Ordinal);
        Assert.Contains("ws://127.0.0.1:8000/ws/1?user_id=1&username=Juan\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Where_a_token_is_needed_it_says_so() =>
        Assert.Contains("TERTULIA_TOKEN", Greeting.Text(new Uri("http://127.0.0.1:9000"), AuthMode.Jwt, "/data", "/data/logs"), StringComparison.Ordinal);
}
