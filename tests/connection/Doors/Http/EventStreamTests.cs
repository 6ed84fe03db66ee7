using Tertulia.Connections.Limits;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Doors.Http;

public sealed class EventStreamTests : IAsyncLifetime
{
    private readonly List<GetSnapshotRequest> _snapshots = [];
    private HttpHost _host = null!;

    public async Task InitializeAsync()
    {
        _host = await HttpHost.StartAsync(("Connections:Heartbeat:Timeout", "01:00:00")); // Far more than passes here: what is written takes real time.
        _host.Calls.On<ListRoomsRequest, ListRoomsReply>("ListRooms", _ => new ListRoomsReply());
        _host.Calls.On<GetRoomRequest, RoomPresence>("GetRoom", request => new RoomPresence { RoomId = request.RoomId });
        _host.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", request =>
        {
            lock (_snapshots)
            {
                _snapshots.Add(request);
            }

            return new Snapshot { Epoch = HttpHost.Epoch, Seq = 5, Recovered = request.Since is not null };
        });
    }

    public async Task DisposeAsync() => await _host.DisposeAsync();

    [Fact]
    public async Task A_stream_shows_what_a_socket_shows_and_says_where_it_is_in_all_rooms()
    {
        await using var ana = await JoinedAsync("ana", "a,b");

        await TellAsync("a", TestNode.Message(6));
        Assert.Equal(("a", "m6", 6), await ana.NextAsync("message") is var first ? (first.Root.GetProperty("room_id").GetString(), first.Text("content"), first.Seq) : default);
        await TellAsync("b", TestNode.Message(6, content: "en b"));
        Assert.Equal("en b", (await ana.NextAsync("message")).Text("content"));

        await ana.UntilAsync(stream => stream.LastEventId == "a:6@e1,b:6", "the positions of both rooms");
        Assert.Equal(2, _host.Of<SessionRegistry>().Sessions.Single().Rooms.Count);
    }

    [Fact]
    public async Task Who_comes_back_resumes_all_rooms_where_it_was()
    {
        await using var ana = await JoinedAsync("ana", "a,b", ("Last-Event-ID", "a:3@e1,b:4"));

        lock (_snapshots)
        {
            Assert.Equal([("a", "e1", 3), ("b", "e1", 4)], _snapshots.Select(asked => (asked.RoomId, asked.Since.Epoch, (int)asked.Since.Seq)).Order());
        }
    }

    [Fact]
    public async Task Silence_is_broken_by_a_comment_and_the_stream_goes_on()
    {
        await using var ana = await JoinedAsync("ana", "a");

        // A second one comes only when the first was taken: that counts as a sign of life.
        var heartbeats = ana.UntilAsync(stream => stream.Comments >= 2, "two heartbeats");
        await Eventually.HoldsAsync(
            () =>
            {
                _host.Time.Advance(TimeSpan.FromSeconds(1));
                return heartbeats.IsCompleted;
            },
            "two heartbeats");
        await heartbeats;

        await TellAsync("a", TestNode.Message(6));
        Assert.Equal("m6", (await ana.NextAsync("message")).Text("content"));
    }

    [Fact]
    public async Task A_stream_that_ends_leaves_nothing()
    {
        var ana = await JoinedAsync("ana", "a");
        Assert.Equal(1, _host.Of<ConnectionCounts>().Total);

        await ana.DisposeAsync();

        await Eventually.HoldsAsync(() => _host.Of<SessionRegistry>().Count == 0 && _host.Of<ConnectionCounts>().Total == 0, "the session is gone");
    }

    [Fact]
    public async Task A_stream_that_is_closed_says_why_and_ends()
    {
        await using var ana = await JoinedAsync("ana", "a");

        _host.Of<SessionRegistry>().Sessions.Single().Close(Connections.Events.CloseCode.Draining, "drain");

        var close = await ana.NextAsync("close");
        Assert.Equal((4001, "drain"), (close.Number("code"), close.Text("reason")));
        Assert.Null(await ana.NextAsync());
        await Eventually.HoldsAsync(() => _host.Of<SessionRegistry>().Count == 0, "the session is gone");
    }

    [Theory]
    [InlineData("/api/v1/stream")]
    [InlineData("/api/v1/stream?rooms=")]
    [InlineData("/api/v1/stream?rooms=a%20b")]
    [InlineData("/api/v1/stream?rooms=a&history=101")]
    [InlineData("/api/v1/stream?rooms=a&last_event_id=nonsense")]
    [InlineData("/api/v1/stream?rooms=a&last_event_id=a:1,a:2")]
    public async Task What_is_malformed_is_a_bad_request(string path) =>
        Assert.Equal((400, 40001, "bad_request"), (await _host.SendAsync(HttpMethod.Get, path, "ana")).Problem);

    [Fact]
    public async Task A_user_has_so_many_streams_and_no_more()
    {
        await using var host = await HttpHost.StartAsync(("Limits:ConnectionsPerUser", "1"));
        await using var first = await host.StreamAsync("/api/v1/stream?rooms=a", "ana");

        Assert.Equal((429, 42902, "limit_exceeded"), (await host.SendAsync(HttpMethod.Get, "/api/v1/stream?rooms=a", "ana")).Problem);
        Assert.Equal((429, 42902, "limit_exceeded"), (await host.SendAsync(HttpMethod.Get, "/api/v1/sync?rooms=a:1&wait=5", "ana")).Problem);
    }

    private async Task<EventStreamReader> JoinedAsync(string userId, string rooms, params (string, string)[] headers)
    {
        var stream = await _host.StreamAsync($"/api/v1/stream?rooms={rooms}", userId, headers);
        foreach (var _ in rooms.Split(','))
        {
            var join = await _host.CommandAsync(Command.BodyOneofCase.Join);
            await _host.ReplyAsync(join, reply => reply.Joined = new Joined { Epoch = HttpHost.Epoch, Seq = 5, OwnerEpoch = 1, Members = 1, Role = "member" });
            await stream.NextAsync("joined");
        }

        return stream;
    }

    private Task TellAsync(string roomId, params RoomEvent[] events) => _host.TellAsync(new NodeBatch { Rooms = { TestNode.Entries(roomId, events) } });
}
