using Microsoft.Extensions.Time.Testing;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Messages.Tests.Joining;

/// <summary>Entering rooms that do not exist is limited for a user, whichever node, replica or flush loop decides.</summary>
public sealed class RoomLimitTests : IAsyncLifetime
{
    private readonly Backbone _backbone = new();
    private readonly FakeTimeProvider _time = new();
    private MessageReplica _replica = null!;
    private TestNode _node = null!;

    public async Task InitializeAsync()
    {
        _replica = await StartAsync();
        _node = await _backbone.NodeAsync("node-1");
    }

    public async Task DisposeAsync()
    {
        await _node.DisposeAsync();
        await _replica.DisposeAsync();
        await _backbone.DisposeAsync();
    }

    [Fact]
    public async Task A_user_creates_twenty_rooms_an_hour_and_another_user_has_twenty_too()
    {
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal("owner", (await _node.AskAsync(Commands.Join($"room-{i}", "ana"))).Joined?.Role);
        }

        _time.Advance(TimeSpan.FromMinutes(20));
        var refused = (await _node.AskAsync(Commands.Join("room-20", "ana"))).Refused;
        Assert.Equal((ErrorCode.RateLimited, 40 * 60_000u), (refused.Code, refused.RetryAfterMs));
        Assert.Equal(ErrorCode.RateLimited, (await _node.AskAsync(Commands.Join("room-20", "ana"))).Refused?.Code);
        Assert.Equal("owner", (await _node.AskAsync(Commands.Join("room-0", "ana"))).Joined?.Role);
        Assert.Equal("owner", (await _node.AskAsync(Commands.Join("bruno-0", "bruno"))).Joined?.Role);

        _time.Advance(TimeSpan.FromMinutes(41));
        Assert.Equal("owner", (await _node.AskAsync(Commands.Join("room-20", "ana"))).Joined?.Role);
    }

    [Fact]
    public async Task Many_rooms_in_one_flush_count_each()
    {
        var joins = Commands.RoomsOf(partition: 5, count: 25).Select(room => Commands.Join(room, "ana")).ToArray();

        await _node.SubmitAsync(joins);

        var outcomes = new List<CommandReply.OutcomeOneofCase>();
        foreach (var join in joins)
        {
            outcomes.Add((await _node.ReplyToAsync(join)).OutcomeCase);
        }

        Assert.Equal(20, outcomes.Count(outcome => outcome == CommandReply.OutcomeOneofCase.Joined));
        Assert.All(outcomes.Skip(20), outcome => Assert.Equal(CommandReply.OutcomeOneofCase.Refused, outcome));
    }

    [Fact]
    public async Task The_store_remembers_it_when_the_replica_is_another_one()
    {
        for (var i = 0; i < 20; i++)
        {
            await _node.AskAsync(Commands.Join($"room-{i}", "ana"));
        }

        await _replica.DisposeAsync();
        _time.Advance(TimeSpan.FromSeconds(1));
        _replica = await StartAsync();

        Assert.Equal(ErrorCode.RateLimited, (await _node.AskAsync(Commands.Join("room-20", "ana"))).Refused?.Code);
    }

    private Task<MessageReplica> StartAsync() => MessageReplica.StartAsync(_backbone, _time, new() { ["Messages:FlushLoops"] = "3" });
}
