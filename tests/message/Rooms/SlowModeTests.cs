using Microsoft.Extensions.Time.Testing;
using Tertulia.Contracts;
using Tertulia.Messages.Permissions;

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

    [Theory]
    [InlineData(60, 60_000)]
    [InlineData(5_000_000, uint.MaxValue)]
    public void Who_wrote_before_the_clock_was_set_back_waits_no_longer_than_slow_mode_says(uint seconds, uint waitMs)
    {
        var (flush, room) = (Deciding.NewFlush(), Deciding.Room());
        (room.Settings, flush.NowMs) = (new RoomSettings { Kind = RoomKinds.Open, SlowModeSeconds = seconds }, 10_000_000);
        room.Has("bruno", RoomRoles.Member);
        room.LastSent = new(StringComparer.Ordinal) { ["bruno"] = 10_000_000 + 3_600_000 };

        Deciding.Sends.Decide(Commands.Send("lobby", "bruno", "hola").By(room), flush);
        flush.NowMs += 60_000;
        Deciding.Sends.Decide(Commands.Send("lobby", "bruno", "hola").By(room), flush);

        Assert.Equal((ErrorCode.RateLimited, waitMs), (flush.Replies[0].Reply.Refused.Code, flush.Replies[0].Reply.Refused.RetryAfterMs));
        Assert.Equal(seconds == 60 ? 1 : 0, room.Entries?.Count ?? 0);
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
