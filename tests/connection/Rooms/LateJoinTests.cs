using Grpc.Core;
using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Rooms;

/// <summary>What is late is answered late, and every request with a <c>ref</c> is answered once.</summary>
public sealed class LateJoinTests : IAsyncLifetime
{
    private TestNode _node = null!;

    public async Task InitializeAsync() => _node = await TestNode.StartAsync(("Connections:Rooms:Patience", "00:00:20"));

    public async Task DisposeAsync() => await _node.DisposeAsync();

    [Fact]
    public async Task A_join_waits_for_a_snapshot_that_is_unavailable_for_a_while()
    {
        var calls = 0;
        _node.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", request => Interlocked.Increment(ref calls) switch
        {
            1 => throw new RpcException(new Status(StatusCode.Unavailable, "starting")),
            2 => throw new RpcException(new Status(StatusCode.DeadlineExceeded, "starved")),
            _ => new Snapshot { Epoch = TestNode.Epoch, Seq = 5 },
        });
        var ana = _node.NewClient(new SessionOpening(TestClient.User("ana"), "lobby", null, null, null));
        await ana.OpenAsync();
        await _node.AdmitAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), seq: 5);

        var connected = ana.NextAsync("connected", "the greeting");
        await AdvanceUntilAsync(() => connected.IsCompleted, "the greeting comes");

        Assert.Equal(5, (await connected).Seq);
        Assert.Equal(3, calls);
    }

    [Theory]
    [InlineData(ErrorCode.Unavailable)]
    [InlineData(ErrorCode.Overloaded)]
    public async Task A_join_that_the_owner_cannot_decide_now_is_sent_again(ErrorCode code)
    {
        var ana = _node.NewClient(new SessionOpening(TestClient.User("ana"), "lobby", null, null, null));
        await ana.OpenAsync();
        await _node.ReplyAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), reply => reply.Refused = new Refusal { Code = code });
        var again = _node.CommandAsync(Command.BodyOneofCase.Join);
        await AdvanceUntilAsync(() => again.IsCompleted, "the join is sent again");

        _node.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", _ => new Snapshot { Epoch = TestNode.Epoch, Seq = 5 });
        await _node.AdmitAsync(await again, seq: 5);

        Assert.Equal(5, (await ana.NextAsync("connected", "the greeting")).Seq);
    }

    [Fact]
    public async Task Only_after_a_long_time_a_client_is_told_that_the_room_is_unavailable_and_closed_to_come_back()
    {
        _node.Calls.On<GetSnapshotRequest, Snapshot>(
            "GetSnapshot", Task<Snapshot> (_) => throw new RpcException(new Status(StatusCode.Unavailable, "away")));
        var ana = _node.NewClient(new SessionOpening(TestClient.User("ana"), "lobby", null, null, null));
        var begun = _node.Time.GetUtcNow();
        await ana.OpenAsync();
        await _node.AdmitAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), seq: 5);

        var error = ana.NextAsync("error", "the refusal");
        await AdvanceUntilAsync(() => error.IsCompleted, "the client is told");

        Assert.Equal((int)ErrorCode.Unavailable, (await error).Code);
        Assert.True(_node.Time.GetUtcNow() - begun >= TimeSpan.FromSeconds(20));
        Assert.Equal(4000, (await Eventually.CompletesAsync(ana.Stream.Closed, "the close frame")).Code);
    }

    [Fact]
    public async Task A_page_of_history_is_answered_late()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 5);
        var calls = 0;
        _node.Calls.On<GetHistoryRequest, HistoryPage>("GetHistory", _ => Interlocked.Increment(ref calls) <= 2
            ? throw new RpcException(new Status(StatusCode.Unavailable, "away"))
            : new HistoryPage { Epoch = TestNode.Epoch });

        await ana.SendAsync(new HistoryCommand { RoomId = "lobby", Ref = "h1" });
        var page = ana.NextAsync("history", "the page");
        await AdvanceUntilAsync(() => page.IsCompleted, "the page comes");

        Assert.Equal("h1", (await page).Ref);
    }

    [Fact]
    public async Task A_join_that_is_left_before_the_owner_answers_is_answered_at_once()
    {
        var ana = await _node.ConnectAsync("ana");
        await ana.JoinAsync("lobby", reference: "join");
        await _node.CommandAsync(Command.BodyOneofCase.Join);

        await ana.SendAsync(new LeaveCommand { RoomId = "lobby", Ref = "leave" });

        await AnsweredOnceAsync(ana, ("left", "leave"), ("error", "join"));
    }

    [Fact]
    public async Task A_join_that_is_left_while_its_snapshot_is_read_is_answered_at_once()
    {
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var never = new TaskCompletionSource<Snapshot>();
        _node.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", _ =>
        {
            asked.TrySetResult();
            return never.Task;
        });
        var ana = await _node.ConnectAsync("ana");
        await ana.JoinAsync("lobby", reference: "join");
        await _node.AdmitAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), seq: 5);
        await Eventually.CompletesAsync(asked.Task, "the snapshot is asked for");

        await ana.SendAsync(new LeaveCommand { RoomId = "lobby", Ref = "leave" });

        await AnsweredOnceAsync(ana, ("left", "leave"), ("error", "join"));
    }

    [Fact]
    public async Task Joins_that_wait_for_one_another_are_all_answered_when_the_room_is_left()
    {
        var ana = await _node.ConnectAsync("ana");
        await ana.JoinAsync("lobby", reference: "one");
        await ana.JoinAsync("lobby", reference: "two");
        await ana.SendAsync(new LeaveCommand { RoomId = "lobby", Ref = "leave" });

        await AnsweredOnceAsync(ana, ("left", "leave"), ("error", "one"), ("error", "two"));
    }

    [Fact]
    public async Task A_join_behind_one_that_is_refused_is_refused_for_the_same_reason()
    {
        var ana = await _node.ConnectAsync("ana");
        await ana.JoinAsync("lobby", reference: "one");
        await ana.JoinAsync("lobby", reference: "two");
        await _node.ReplyAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), reply => reply.Refused = new Refusal { Code = ErrorCode.Banned });

        Assert.Equal((40304, "one"), Answer(await ana.NextAsync("error", "the first refusal")));
        Assert.Equal((40304, "two"), Answer(await ana.NextAsync("error", "the second refusal")));

        static (int, string?) Answer(Tertulia.Testing.Frame frame) => (frame.Code, frame.Ref);
    }

    [Fact]
    public async Task Who_leaves_the_room_of_the_url_before_it_was_in_it_is_greeted()
    {
        var ana = _node.NewClient(new SessionOpening(TestClient.User("ana"), "lobby", null, null, null));
        await ana.OpenAsync();
        await _node.CommandAsync(Command.BodyOneofCase.Join);

        await ana.SendAsync(new LeaveCommand { RoomId = "lobby", Ref = "leave" });

        var types = new[] { (await ana.NextAsync()).Type, (await ana.NextAsync()).Type };
        Assert.Equal(["connected", "left"], types.Order(StringComparer.Ordinal));
    }

    private static async Task AnsweredOnceAsync(TestClient client, params (string Type, string Ref)[] answers)
    {
        var got = new List<(string, string?)>();
        for (var index = 0; index < answers.Length; index++)
        {
            var frame = await client.NextAsync($"answer {index + 1} of {answers.Length}");
            got.Add((frame.Type, frame.Ref));
        }

        Assert.Equal(answers.Select(answer => (answer.Type, (string?)answer.Ref)).Order(), got.Order());
        await Eventually.CompletesAsync(client.Session.Calls.WhenIdleAsync(), "nothing is under way");
        await client.HasNothingMoreAsync();
    }

    private async Task AdvanceUntilAsync(Func<bool> condition, string what) => await Eventually.HoldsAsync(() =>
    {
        _node.Time.Advance(TimeSpan.FromMilliseconds(500));
        return condition();
    }, what);
}
