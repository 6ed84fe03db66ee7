using Tertulia.Connections.Protocol;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Rooms;

public sealed class TypingTests : IAsyncLifetime
{
    private TestNode _node = null!;
    private TestClient _ana = null!;
    private TestClient _bruno = null!;

    public async Task InitializeAsync()
    {
        _node = await TestNode.StartAsync(("Limits:EventsPerMinute", "0"));
        _ana = await _node.JoinedAsync("ana", "lobby", seq: 5);
        _bruno = await _node.JoinedAsync("bruno", "lobby", seq: 5);
    }

    public async Task DisposeAsync() => await _node.DisposeAsync();

    [Fact]
    public async Task The_others_are_told_at_most_every_two_seconds_and_when_it_ends()
    {
        await _ana.TypeAsync("lobby", true);
        await _ana.TypeAsync("lobby", true);
        _node.Time.Advance(RoomTyping.Interval);
        await _ana.TypeAsync("lobby", true);
        await _ana.TypeAsync("lobby", false);
        await _ana.TypeAsync("lobby", false);

        Assert.True(await TypingAsync());
        Assert.True(await TypingAsync());
        Assert.False(await TypingAsync());
        await _bruno.HasNothingMoreAsync();
        await _ana.HasNothingMoreAsync();
    }

    [Fact]
    public async Task It_ends_by_itself()
    {
        await _ana.TypeAsync("lobby", true);
        Assert.True(await TypingAsync());

        await EndsAsync();
    }

    [Fact]
    public async Task It_ends_when_the_user_goes()
    {
        await _ana.TypeAsync("lobby", true);
        Assert.True(await TypingAsync());

        await _ana.GoAsync();

        Assert.False(await TypingAsync());
    }

    [Fact]
    public async Task Other_nodes_of_the_room_are_told_and_tell()
    {
        var told = new TaskCompletionSource<NodeBatch>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var other = await _node.Bus.ReceiveAsNodeAsync("other", batch =>
        {
            told.TrySetResult(batch);
            return ValueTask.CompletedTask;
        }, () => ValueTask.CompletedTask, CancellationToken.None);
        await _node.TellAsync(new NodeBatch { Topologies = { new RoomTopology { RoomId = "lobby", NodeIds = { _node.Id, "other" } } } });
        await _node.SettledAsync();

        await _ana.TypeAsync("lobby", true);
        var ephemeral = Assert.Single((await Eventually.CompletesAsync(told.Task, "the other node is told")).Ephemerals);
        Assert.Equal(("lobby", "ana", true), (ephemeral.RoomId, ephemeral.UserId, ephemeral.Typing.IsTyping));
        await TypingAsync();
        await _node.TellAsync(new NodeBatch
        {
            Ephemerals = { new Ephemeral { RoomId = "lobby", UserId = "zoe", Username = "Zoe", Typing = new Typing { IsTyping = true } } },
        });

        Assert.Equal("zoe", (await _bruno.NextAsync("typing", "typing of the other node")).Text("user_id"));
        Assert.Equal("zoe", (await _ana.NextAsync("typing", "typing of the other node")).Text("user_id"));
    }

    private async Task<bool> TypingAsync()
    {
        var frame = await _bruno.NextAsync("typing", "typing");
        Assert.Equal("ana", frame.Text("user_id"));
        return frame.Flag("is_typing");
    }

    private async Task EndsAsync()
    {
        var typing = TypingAsync();
        _node.Time.Advance(RoomTyping.Life - TimeSpan.FromSeconds(1));
        Assert.False(typing.IsCompleted);
        await Eventually.HoldsAsync(() =>
        {
            _node.Time.Advance(TimeSpan.FromSeconds(1));
            return typing.IsCompleted;
        }, "typing ends");
        Assert.False(await typing);
    }
}
