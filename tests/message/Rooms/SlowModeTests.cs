using Microsoft.Extensions.Time.Testing;
using Tertulia.Contracts;

namespace Tertulia.Messages.Tests.Rooms;

/// <summary>Slow mode holds per user, says for how long, and is not forgotten by the next owner of the partition.</summary>
public sealed class SlowModeTests : IAsyncLifetime
{
    private readonly Backbone _backbone = new();
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);
    private MessageReplica _replica = null!;
    private TestNode _node = null!;

    public async Task InitializeAsync()
    {
        _replica = await MessageReplica.StartAsync(_backbone, _time);
        _node = await _backbone.NodeAsync("node-1");
        await _node.AskAsync(Commands.Join("lobby", "ana"));
        await _node.AskAsync(Commands.Join("lobby", "bruno"));
        await _node.AskAsync(Commands.Join("lobby", "carla"));
        await _node.SubmitAsync(Commands.Update("lobby", "ana", new UpdateRoom { SlowModeSeconds = 60 }));
        await _node.EventsAsync("lobby", 5, 5);
    }

    public async Task DisposeAsync()
    {
        await _node.DisposeAsync();
        await _replica.DisposeAsync();
        await _backbone.DisposeAsync();
    }

    [Fact]
    public async Task A_user_waits_and_the_others_do_not()
    {
        await _node.SubmitAsync(Commands.Send("lobby", "bruno", "one"));
        _time.Advance(TimeSpan.FromSeconds(20));

        var refused = (await _node.AskAsync(Commands.Send("lobby", "bruno", "two"))).Refused;
        Assert.Equal((ErrorCode.RateLimited, 40_000u), (refused.Code, refused.RetryAfterMs));
        await _node.SubmitAsync(Commands.Send("lobby", "carla", "mine"), Commands.Send("lobby", "ana", "first"), Commands.Send("lobby", "ana", "second"));
        _time.Advance(TimeSpan.FromSeconds(40));
        await _node.SubmitAsync(Commands.Send("lobby", "bruno", "three"));

        Assert.Equal(["one", "mine", "first", "second", "three"], (await _node.EventsAsync("lobby", 6, 10)).Select(entry => entry.Message.Content));
    }

    [Fact]
    public async Task What_is_sent_again_is_answered_and_does_not_wait()
    {
        await _node.SubmitAsync(Commands.Send("lobby", "bruno", "one", "c1"));
        await _node.EventsAsync("lobby", 6, 6);

        Assert.True((await _node.AskAsync(Commands.Send("lobby", "bruno", "one", "c1"))).Stored.Duplicate);
    }

    [Fact]
    public async Task The_next_owner_knows_when_they_wrote()
    {
        await _node.SubmitAsync(Commands.Send("lobby", "bruno", "one"));
        await _node.EventsAsync("lobby", 6, 6);
        await _replica.DisposeAsync();
        _time.Advance(TimeSpan.FromSeconds(10));
        _replica = await MessageReplica.StartAsync(_backbone, _time);

        var refused = (await _node.AskAsync(Commands.Send("lobby", "bruno", "two"))).Refused;
        await _node.AskAsync(Commands.Join("lobby", "carla")); // The new owner learns who holds the room.
        await _node.SubmitAsync(Commands.Send("lobby", "carla", "mine"));

        Assert.Equal((ErrorCode.RateLimited, 50_000u), (refused.Code, refused.RetryAfterMs));
        Assert.Equal("mine", Assert.Single(await _node.EventsAsync("lobby", 7, 7)).Message.Content);
    }
}
