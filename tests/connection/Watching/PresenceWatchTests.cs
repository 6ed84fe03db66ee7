using System.Text;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Tests.Support;
using Tertulia.Connections.Watching;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Watching;

/// <summary><c>presence_watch</c> and <c>presence_unwatch</c>: the node keeps the watches, and tells presence of whom it must be told.</summary>
public sealed class PresenceWatchTests : IAsyncLifetime
{
    private TestNode _node = null!;

    public async Task InitializeAsync()
    {
        _node = await TestNode.StartAsync(("Connections:Watching:UsersPerConnection", "5"), ("Connections:Watching:Bytes", "65536"));
        _node.Calls.On<GetUsersRequest, UsersPresence>("GetUsers", request => new UsersPresence { Users = { request.UserIds.Select(userId => Shown(userId, "online")) } });
    }

    public async Task DisposeAsync() => await _node.DisposeAsync();

    [Fact]
    public async Task Who_watches_is_told_how_the_users_are_shown_and_then_what_changes()
    {
        var ana = await _node.ConnectAsync("ana");
        var bruno = await _node.ConnectAsync("bruno");

        await ana.SendAsync(new PresenceWatchCommand { UserIds = ["zoe", "yan", "zoe"], Ref = "w1" });
        var state = await ana.NextAsync("presence_state", "the answer");
        Assert.Equal(("w1", false), (state.Ref, state.Flag("has_more")));
        Assert.Equal(["zoe", "yan"], state.Items("users").Select(user => user.GetProperty("user_id").GetString()));
        await TellAsync(Shown("zoe", "offline", lastSeenMs: 1_900_000_000_000));

        var told = await ana.NextAsync("presence", "the change");
        Assert.Equal(("zoe", "offline", "2030-03-17T17:46:40.000Z"), (told.Text("user_id"), told.Text("status"), told.Text("last_seen")));
        await ana.SendAsync(new PresenceUnwatchCommand { UserIds = ["zoe", "nobody"], Ref = "u1" });
        Assert.Equal(("u1", 1L), Read(await ana.NextAsync("presence_unwatched", "the answer")));
        await TellAsync(Shown("zoe", "online"));
        await TellAsync(Shown("yan", "busy"));
        Assert.Equal("yan", (await ana.NextAsync("presence", "the change")).Text("user_id"));
        await ana.SendAsync(new PresenceUnwatchCommand { Ref = "u2" });
        Assert.Equal(("u2", 0L), Read(await ana.NextAsync("presence_unwatched", "the answer")));
        await bruno.HasNothingMoreAsync();

        static (string?, long) Read(Frame frame) => (frame.Ref, frame.Number("watched"));
    }

    [Fact]
    public async Task What_changes_while_presence_is_asked_comes_after_the_answer()
    {
        var answer = new TaskCompletionSource<UsersPresence>(TaskCreationOptions.RunContinuationsAsynchronously);
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _node.Calls.On<GetUsersRequest, UsersPresence>("GetUsers", _ =>
        {
            asked.TrySetResult();
            return answer.Task;
        });
        var ana = await _node.ConnectAsync("ana");

        await ana.SendAsync(new PresenceWatchCommand { UserIds = ["zoe"] });
        await Eventually.CompletesAsync(asked.Task, "presence is asked");
        await TellAsync(Shown("zoe", "away"));
        await TellAsync(Shown("zoe", "busy"));
        await ana.HasNothingMoreAsync();
        answer.SetResult(new UsersPresence { Users = { Shown("zoe", "online") } });

        await ana.NextAsync("presence_state", "the answer");
        Assert.Equal("busy", (await ana.NextAsync("presence", "the last change")).Text("status"));
        await ana.HasNothingMoreAsync();
    }

    [Fact]
    public async Task Presence_is_told_of_each_user_once_and_when_nobody_watches_it_any_more()
    {
        var (ana, bruno) = (await _node.ConnectAsync("ana"), await _node.ConnectAsync("bruno"));
        await WatchAsync(ana, "zoe");
        await WatchAsync(bruno, "zoe");
        await WatchAsync(bruno, "yan");
        await ana.GoAsync();
        await bruno.GoAsync();

        var changes = new List<string>();
        await Eventually.HoldsAsync(
            () =>
            {
                while (_node.Reports.TryRead(out var report))
                {
                    changes.AddRange((report.Delta?.Changes ?? []).Where(change => change.ConnectionId.Length == 0)
                        .Select(change => change.HasWatched ? $"+{change.Watched}" : $"-{change.Unwatched}"));
                }

                return changes.Count == 4;
            },
            "all is reported", () => string.Join(' ', changes));
        Assert.Equal(["+zoe", "+yan"], changes.Take(2));
        Assert.Equal(["-yan", "-zoe"], changes.Skip(2).Order(StringComparer.Ordinal));
        Assert.Equal(0, _node.Of<WatchList>().Bytes);
        _node.Time.Advance(Connections.Announcing.PresenceReporter.HeartbeatInterval);
        await Eventually.HoldsAsync(() => _node.Reports.TryRead(out var report) && report.Heartbeat is { Digest: 0 }, "the digest is that of an empty node");
    }

    [Fact]
    public async Task A_whole_report_names_the_users_who_are_watched()
    {
        var ana = await _node.ConnectAsync("ana");
        await WatchAsync(ana, "zoe", "yan");

        await _node.TellAsync(new NodeBatch { Announce = new AnnounceRequest() });

        var watched = new List<string>();
        await Eventually.HoldsAsync(
            () =>
            {
                if (_node.Reports.TryRead(out var report) && report.Snapshot is { } snapshot)
                {
                    watched.AddRange(snapshot.Watched);
                }

                return watched.Count == 2;
            },
            "both are named");
        Assert.Equal(["yan", "zoe"], watched.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Neither_a_connection_nor_a_node_watches_more_than_it_may()
    {
        var ana = await _node.ConnectAsync("ana");
        await ana.SendAsync(new PresenceWatchCommand { UserIds = ["a", "b", "c", "d", "e", "f"], Ref = "w1" });
        Assert.Equal(42902, (await ana.NextAsync("error", "too many of a connection")).Code);
        await WatchAsync(ana, "a", "b", "c", "d", "e");
        await WatchAsync(ana, "a"); // Again is no more.
        await ana.SendAsync(new PresenceWatchCommand { UserIds = ["f"], Ref = "w2" });
        Assert.Equal(42902, (await ana.NextAsync("error", "one more")).Code);

        var code = 0;
        for (var clients = 0; clients < 100 && code == 0; clients++)
        {
            var client = await _node.ConnectAsync($"client-{clients}");
            await client.SendAsync(new PresenceWatchCommand { UserIds = [.. Enumerable.Range(0, 5).Select(user => $"{clients}-{user}")], Ref = "w" });
            var answer = await client.NextAsync("the answer");
            code = answer.Type == "error" ? answer.Code : 0;
        }

        Assert.Equal(50302, code);
        Assert.InRange(_node.Of<WatchList>().Bytes, 65_536, 70_000);
    }

    [Fact]
    public async Task A_watch_that_presence_did_not_answer_is_none()
    {
        _node.Calls.On<GetUsersRequest, UsersPresence>("GetUsers", _ => Task.FromException<UsersPresence>(Hosting.RpcErrors.Refuse(ErrorCode.Unavailable)));
        var ana = await _node.ConnectAsync("ana");

        await ana.SendAsync(new PresenceWatchCommand { UserIds = ["zoe"], Ref = "w1" });

        Assert.Equal(("w1", 50301), Read(await ana.NextAsync("error", "the refusal")));
        await Eventually.HoldsAsync(() => _node.Of<WatchList>().Bytes == 0, "nothing is watched");

        static (string?, int) Read(Frame frame) => (frame.Ref, frame.Code);
    }

    [Fact]
    public async Task Long_lists_come_in_frames_that_are_not_too_large()
    {
        await using var node = await TestNode.StartAsync();
        node.Calls.On<GetUsersRequest, UsersPresence>("GetUsers", request => new UsersPresence
        {
            Users = { request.UserIds.Select(userId => new PresentUser { UserId = userId, Username = new string('漢', 256), Status = "busy", Text = new string('漢', 140) }) },
        });
        var ana = await node.ConnectAsync("ana");
        var userIds = Enumerable.Range(0, 500).Select(index => $"user-{index}").ToArray();

        await ana.SendAsync(new PresenceWatchCommand { UserIds = userIds });

        var told = new List<string?>();
        Frame state;
        do
        {
            state = await ana.NextAsync("presence_state", "a part of the users");
            Assert.InRange(Encoding.UTF8.GetByteCount(state.Root.GetRawText()), 1, 64 * 1024);
            told.AddRange(state.Items("users").Select(user => user.GetProperty("user_id").GetString()));
        }
        while (state.Flag("has_more"));
        Assert.Equal(userIds, told);
    }

    [Theory]
    [InlineData("""{"type":"presence_set","status":"busy","text":"x","emoji":"y","until":"2030-01-31T18:00:00Z"}""", null)]
    [InlineData("""{"type":"presence_set","data":{"status":"away","device":true}}""", null)]
    [InlineData("""{"type":"presence_set"}""", "status is required")]
    [InlineData("""{"type":"presence_set","status":"busy","until":"tomorrow"}""", "until must be a time in ISO-8601, such as 2030-01-31T18:00:00Z")]
    [InlineData("""{"type":"presence_set","status":"busy","device":"yes"}""", "device must be true or false")]
    [InlineData("""{"type":"presence_watch","user_ids":["a",7]}""", null)]
    [InlineData("""{"type":"presence_watch","user_ids":"a"}""", "user_ids must be an array of ids")]
    [InlineData("""{"type":"presence_watch","user_ids":[["a"]]}""", "user_ids must be an array of ids")]
    [InlineData("""{"type":"presence_watch","user_ids":[""]}""", "user_ids must have 1 to 128 characters")]
    [InlineData("""{"type":"presence_watch","user_ids":["a\u0000"]}""", "user_ids must be text without U+0000 and halves of characters")]
    [InlineData("""{"type":"presence_unwatch"}""", null)]
    public void Frames_are_read_or_refused(string json, string? complaint)
    {
        var reading = _node.Of<FrameReader>().Read(Encoding.UTF8.GetBytes(json));

        Assert.Equal(complaint, reading.Detail);
        Assert.Equal(complaint is null, reading.Command is not null);
        if (reading.Command is PresenceWatchCommand watch)
        {
            Assert.Equal(["a", "7"], watch.UserIds);
        }
    }

    [Fact]
    public void A_frame_with_too_many_users_is_refused()
    {
        var json = $$"""{"type":"presence_watch","user_ids":[{{string.Join(',', Enumerable.Range(0, 501))}}]}""";

        Assert.Equal("user_ids must have at most 500 ids", _node.Of<FrameReader>().Read(Encoding.UTF8.GetBytes(json)).Detail);
    }

    private static async Task WatchAsync(TestClient client, params string[] userIds)
    {
        await client.SendAsync(new PresenceWatchCommand { UserIds = userIds });
        await client.NextAsync("presence_state", "the answer");
    }

    private async Task TellAsync(PresentUser user)
    {
        await _node.TellAsync(new NodeBatch { Watched = { user } });
        await _node.SettledAsync();
    }

    private static PresentUser Shown(string userId, string status, long lastSeenMs = 0) =>
        new() { UserId = userId, Username = userId, Status = status, LastSeenMs = lastSeenMs };
}
