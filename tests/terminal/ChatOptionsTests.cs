namespace Tertulia.Chat.Tests;

public sealed class ChatOptionsTests
{
    private readonly Dictionary<string, string> _environment = [];

    [Fact]
    public void The_room_and_the_name_make_the_address()
    {
        var options = Parse("1", "--name", "Ana María");

        Assert.Equal("ws://127.0.0.1:8000/ws/1?user_id=Ana%20Mar%C3%ADa&username=Ana%20Mar%C3%ADa", options.SocketUrl(null, 0).AbsoluteUri);
        Assert.Equal("http://127.0.0.1:8000/ws/stats", options.StatsUrl.AbsoluteUri);
    }

    [Fact]
    public void The_environment_names_the_user_as_the_test_script_of_old_did()
    {
        (_environment["USER_ID"], _environment["USERNAME"]) = ("1", "Alice");

        var options = Parse("1", "--url", "wss://chat.example");

        Assert.Equal("wss://chat.example/ws/1?user_id=1&username=Alice", options.SocketUrl(null, 0).AbsoluteUri);
        Assert.Equal("https://chat.example/ws/stats", options.StatsUrl.AbsoluteUri);
    }

    [Fact]
    public void A_position_is_asked_to_be_resumed_and_a_token_takes_the_place_of_the_name()
    {
        _environment["TERTULIA_TOKEN"] = "secret";

        var url = Parse("lobby").SocketUrl("e1", 41).AbsoluteUri;

        Assert.Equal("ws://127.0.0.1:8000/ws/lobby?last_seq=41&epoch=e1", url);
    }

    [Theory]
    [InlineData]
    [InlineData("a room")]
    [InlineData("1", "2")]
    [InlineData("1", "--name")]
    [InlineData("1", "--url", "http://127.0.0.1:8000")]
    public void What_makes_no_sense_is_answered_with_how_to_call_it(params string[] args)
    {
        Assert.False(ChatOptions.TryParse(args, _environment.GetValueOrDefault, out _, out var problem));
        Assert.Contains("./dev chat ROOM", problem, StringComparison.Ordinal);
    }

    private ChatOptions Parse(params string[] args)
    {
        Assert.True(ChatOptions.TryParse(args, _environment.GetValueOrDefault, out var options, out var problem), problem);
        return options;
    }
}
