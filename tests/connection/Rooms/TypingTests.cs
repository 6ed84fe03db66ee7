using System.Threading.Channels;
using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;
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
    public async Task With_a_ref_it_is_answered_each_time_and_names_no_user()
    {
        await _ana.SendAsync(new TypingCommand { RoomId = "lobby", IsTyping = true, Ref = "t1" });
        await _ana.SendAsync(new TypingCommand { RoomId = "lobby", IsTyping = true, Ref = "t2" });

        foreach (var reference in new[] { "t1", "t2" })
        {
            var answer = await _ana.NextAsync("typing", "the answer");
            Assert.Equal((reference, "lobby"), (answer.Ref, answer.Root.GetProperty("room_id").GetString()));
            Assert.Equal("""{"is_typing":true}""", answer.Root.GetProperty("data").GetRawText());
        }

        Assert.True(await TypingAsync());
        await _bruno.HasNothingMoreAsync();
    }

    [Fact]
    public async Task With_a_ref_it_is_answered_while_the_room_is_entered()
    {
        var zoe = await _node.ConnectAsync("zoe");
        await zoe.JoinAsync("lobby");
        await zoe.SendAsync(new TypingCommand { RoomId = "lobby", IsTyping = true, Ref = "t1" });

        await _node.AdmitAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), seq: 5);

        await zoe.NextAsync("joined", "the join");
        Assert.Equal("t1", (await zoe.NextAsync("typing", "the answer")).Ref);
        await _bruno.HasNothingMoreAsync();
    }

    [Fact]
    public async Task It_ends_by_itself()
    {
        await _ana.TypeAsync("lobby", true);
        Assert.True(await TypingAsync());

        await EndsAsync();
    }

    [Fact]
    public async Task Who_is_invisible_is_answered_and_not_shown_typing_to_anybody()
    {
        var told = Channel.CreateUnbounded<Ephemeral>();
        await using var other = await _node.Bus.ReceiveAsNodeAsync(
            "other", batch => told.Writer.WriteAsync(batch.Ephemerals[0]), () => ValueTask.CompletedTask, CancellationToken.None);
        await _node.TellAsync(new NodeBatch { Topologies = { new RoomTopology { RoomId = "lobby", NodeIds = { _node.Id, "other" } } } });
        await ChooseAsync("online", 1);
        await _ana.TypeAsync("lobby", true);
        Assert.True(await TypingAsync());
        await ChooseAsync("invisible", 2);

        _node.Time.Advance(RoomTyping.Interval);
        await _ana.SendAsync(new TypingCommand { RoomId = "lobby", IsTyping = true, Ref = "t1" });
        Assert.Equal("t1", (await _ana.NextAsync("typing", "the answer")).Ref);
        await _bruno.HasNothingMoreAsync();
        await _ana.TypeAsync("lobby", false); // What began in sight ends there.
        Assert.False(await TypingAsync());

        await ChooseAsync("busy", 3);
        await TypesAsync(ErrorCode.Unspecified);
        var heard = new List<bool>();
        while (heard.Count < 4)
        {
            heard.Add((await Eventually.CompletesAsync(told.Reader.ReadAsync().AsTask(), "the other node is told")).Typing.IsTyping);
        }

        Assert.Equal([true, false, true, false], heard);
    }

    [Theory]
    [InlineData(0, ErrorCode.Muted)]
    [InlineData(1, ErrorCode.Unspecified)] // Over since 1970.
    public async Task Who_is_muted_is_not_shown_typing(long untilMs, ErrorCode refusal)
    {
        await ChangeAsync(6, new MemberChanged { UserId = "ana", Role = "member", Action = MemberAction.Mute, Muted = true, MutedUntilMs = untilMs });
        await TypesAsync(refusal);
        await ChangeAsync(7, new MemberChanged { UserId = "ana", Role = "member", Action = MemberAction.Unmute });
        await TypesAsync(ErrorCode.Unspecified);
    }

    [Fact]
    public async Task In_an_auditorium_only_who_moderates_is_shown_typing_and_in_an_archived_room_nobody()
    {
        await ChangeAsync(6, new RoomSettings { Kind = "auditorium" });
        await TypesAsync(ErrorCode.Forbidden);
        await ChangeAsync(7, new MemberChanged { UserId = "ana", Role = "moderator", Action = MemberAction.SetRole });
        await TypesAsync(ErrorCode.Unspecified);
        await ChangeAsync(8, new RoomSettings { Kind = "open", Archived = true });
        await TypesAsync(ErrorCode.Forbidden);
        await ChangeAsync(9, new RoomSettings { Kind = "open" });
        await TypesAsync(ErrorCode.Unspecified);
    }

    [Fact]
    public async Task Who_enters_muted_is_not_shown_typing()
    {
        var zoe = await _node.ConnectAsync("zoe");
        await zoe.JoinAsync("lobby");
        await _node.ReplyAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), reply =>
            reply.Joined = new Joined { Epoch = TestNode.Epoch, Seq = 5, OwnerEpoch = 1, Members = 3, Role = "member", Muted = true });
        await zoe.NextAsync("joined", "the join");

        await zoe.SendAsync(new TypingCommand { RoomId = "lobby", IsTyping = true, Ref = "t" });

        Assert.Equal((int)ErrorCode.Muted, (await zoe.NextAsync("error", "the refusal")).Code);
        await _bruno.HasNothingMoreAsync();
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

    [Fact]
    public async Task A_tab_that_goes_does_not_end_the_typing_of_another_one()
    {
        var tab = await _node.JoinedAsync("ana", "lobby", seq: 5);
        await _ana.TypeAsync("lobby", true);
        await tab.TypeAsync("lobby", true);
        Assert.True(await TypingAsync());
        Assert.True(await TypingAsync());

        await tab.GoAsync();
        await _bruno.HasNothingMoreAsync();
        await _ana.TypeAsync("lobby", false);

        Assert.False(await TypingAsync());
        await _bruno.HasNothingMoreAsync();
    }

    [Fact]
    public async Task What_one_tab_said_a_moment_ago_does_not_swallow_what_another_one_says()
    {
        var tab = await _node.JoinedAsync("ana", "lobby", seq: 5);
        await tab.TypeAsync("lobby", true);
        await tab.GoAsync();

        await _ana.TypeAsync("lobby", true);

        Assert.True(await TypingAsync());
        Assert.False(await TypingAsync());
        Assert.True(await TypingAsync());
    }

    [Fact]
    public async Task A_user_who_stops_on_one_node_still_types_on_the_other()
    {
        await TellFromAsync("other", true);
        await _ana.TypeAsync("lobby", true);
        await TellFromAsync("third", true);
        await _node.SettledAsync();

        await _ana.TypeAsync("lobby", false);
        await TellFromAsync("third", false);
        await _node.SettledAsync();
        bool[] told = [await TypingAsync(), await TypingAsync(), await TypingAsync()];
        Assert.Equal([true, true, true], told);
        await _bruno.HasNothingMoreAsync();

        await TellFromAsync("other", false);

        Assert.False(await TypingAsync());
        await _node.SettledAsync();
        await _bruno.HasNothingMoreAsync();
    }

    [Fact]
    public async Task Other_nodes_are_told_that_it_ended_when_no_tab_of_this_node_types()
    {
        var told = Channel.CreateUnbounded<bool>();
        await using var other = await _node.Bus.ReceiveAsNodeAsync(
            "other", batch => told.Writer.WriteAsync(batch.Ephemerals[0].Typing.IsTyping), () => ValueTask.CompletedTask, CancellationToken.None);
        await _node.TellAsync(new NodeBatch { Topologies = { new RoomTopology { RoomId = "lobby", NodeIds = { _node.Id, "other" } } } });
        await _node.SettledAsync();
        var tab = await _node.JoinedAsync("ana", "lobby", seq: 5);

        await _ana.TypeAsync("lobby", true);
        await tab.TypeAsync("lobby", true);
        await _ana.TypeAsync("lobby", false);
        await tab.TypeAsync("lobby", false);

        bool[] all = [await NextAsync(), await NextAsync(), await NextAsync()];
        Assert.Equal([true, true, false], all);

        async Task<bool> NextAsync() => await Eventually.CompletesAsync(told.Reader.ReadAsync().AsTask(), "the other node is told");
    }

    [Fact]
    public async Task Who_may_be_invisible_is_not_seen_typing_until_presence_says_that_it_is_not()
    {
        _node.Calls.On<GetRoomRequest, RoomPresence>("GetRoom", _ => Task.FromException<RoomPresence>(Hosting.RpcErrors.Refuse(ErrorCode.Unavailable)));
        var zoe = await _node.JoinedAsync("zoe", "lobby", seq: 5, isKnown: false);

        await zoe.TypeAsync("lobby", true);
        await _bruno.HasNothingMoreAsync();

        await _node.TellAsync(new NodeBatch { Chosen = { new ChosenStatus { UserId = "zoe", Status = "online" } } });
        await _node.SettledAsync();
        await zoe.TypeAsync("lobby", true);
        Assert.Equal("zoe", (await _bruno.NextAsync("typing", "typing of who is known")).Text("user_id"));
    }

    [Fact]
    public async Task The_answer_to_who_enters_says_whether_it_may_be_seen_from_the_beginning()
    {
        _node.Calls.On<GetRoomRequest, RoomPresence>("GetRoom", request => new RoomPresence { Chosen = new ChosenStatus { UserId = request.UserId, Status = "invisible", Stamp = 1 } });
        var zoe = await _node.JoinedAsync("zoe", "lobby", seq: 5, isKnown: false);
        _node.Calls.On<GetRoomRequest, RoomPresence>("GetRoom", request => new RoomPresence { Chosen = new ChosenStatus { UserId = request.UserId, Status = "online" } });
        var carla = await _node.JoinedAsync("carla", "lobby", seq: 5, isKnown: false);

        await zoe.TypeAsync("lobby", true);
        await carla.TypeAsync("lobby", true);

        Assert.Equal("carla", (await _bruno.NextAsync("typing", "typing of who is visible")).Text("user_id"));
        await _bruno.HasNothingMoreAsync();
    }

    private async Task ChooseAsync(string status, long stamp)
    {
        await _node.TellAsync(new NodeBatch { Chosen = { new ChosenStatus { UserId = "ana", Status = status, Stamp = stamp } } });
        await _node.SettledAsync();
    }

    private Task TellFromAsync(string nodeId, bool isTyping) => _node.TellAsync(new NodeBatch
    {
        From = nodeId,
        Ephemerals = { new Ephemeral { RoomId = "lobby", UserId = "ana", Username = "ana", Typing = new Typing { IsTyping = isTyping } } },
    });

    private Task ChangeAsync(long seq, MemberChanged member) => ChangeAsync(new RoomEvent { Seq = seq, UserId = "zoe", Member = member });

    private Task ChangeAsync(long seq, RoomSettings settings) =>
        ChangeAsync(new RoomEvent { Seq = seq, UserId = "zoe", RoomUpdated = new RoomUpdated { Settings = settings, Changed = { "kind" } } });

    private async Task ChangeAsync(RoomEvent entry)
    {
        await _node.TellAsync(new NodeBatch { Rooms = { TestNode.Entries("lobby", entry) } });
        await _ana.NextAsync("the change");
        await _bruno.NextAsync("the change");
    }

    private async Task TypesAsync(ErrorCode refusal)
    {
        _node.Time.Advance(RoomTyping.Interval);
        await _ana.SendAsync(new TypingCommand { RoomId = "lobby", IsTyping = true, Ref = "t" });
        if (refusal != ErrorCode.Unspecified)
        {
            Assert.Equal((int)refusal, (await _ana.NextAsync("error", "the refusal")).Code);
            await _bruno.HasNothingMoreAsync();
            return;
        }

        await _ana.NextAsync("typing", "the answer");
        Assert.True(await TypingAsync());
        await _ana.TypeAsync("lobby", false);
        Assert.False(await TypingAsync());
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
