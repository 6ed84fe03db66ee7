using System.Collections.Concurrent;
using Tertulia.Connections.Doors.Http;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Doors.Http;

public sealed class SyncEndpointsTests : IAsyncLifetime
{
    private readonly ConcurrentQueue<GetSnapshotRequest> _asked = [];
    private Func<GetSnapshotRequest, Snapshot> _snapshot = request => Nothing(request.Since?.Seq ?? 5);
    private HttpHost _host = null!;

    public async Task InitializeAsync()
    {
        _host = await HttpHost.StartAsync();
        _host.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", request =>
        {
            _asked.Enqueue(request);
            return _snapshot(request);
        });
    }

    public async Task DisposeAsync() => await _host.DisposeAsync();

    [Fact]
    public async Task What_changed_since_the_positions_is_told_with_the_next_ones()
    {
        _snapshot = request => request.RoomId == "b"
            ? throw RpcErrors.Refuse(ErrorCode.NotMember)
            : new Snapshot { Epoch = "e1", Seq = 9, Recovered = true, Messages = { Message(8), Message(9) } };

        var answer = (await _host.SendAsync(HttpMethod.Get, "/api/v1/sync?rooms=a:7@e1,b:2&wait=0", "ana")).Json;

        Assert.Equal([("a", "e1", 7), ("b", "e1", 2)], _asked.Select(asked => (asked.RoomId, asked.Since.Epoch, (int)asked.Since.Seq)));
        Assert.Equal(("a:9@e1", false), (answer.GetProperty("positions").GetString(), answer.GetProperty("has_more").GetBoolean()));
        var a = answer.GetProperty("rooms")[0];
        Assert.Equal((9, true, 2), (a.GetProperty("seq").GetInt32(), a.GetProperty("recovered").GetBoolean(), a.GetProperty("items").GetArrayLength()));
        Assert.Equal("not_member", answer.GetProperty("rooms")[1].GetProperty("error").GetProperty("name").GetString());
    }

    [Fact]
    public async Task A_position_without_an_epoch_is_one_of_the_present_epoch()
    {
        await _host.SendAsync(HttpMethod.Get, "/api/v1/sync?rooms=a:4&wait=0", "ana");

        Assert.Equal([null, "e1"], _asked.Select(asked => asked.Since?.Epoch));
        Assert.Equal(4, _asked.Last().Since.Seq);
    }

    [Fact]
    public async Task What_is_too_much_for_one_answer_is_cut_and_continued()
    {
        _snapshot = request => new Snapshot
        {
            Epoch = "e1", Seq = 40, Recovered = true, Messages = { Enumerable.Range((int)request.Since.Seq + 1, 40 - (int)request.Since.Seq).Select(seq => Message(seq, new string('x', 16_000))) },
        };

        var seen = new List<int>();
        for (var (positions, more) = ("a:0@e1,b:39@e1", true); more;)
        {
            var answer = (await _host.SendAsync(HttpMethod.Get, $"/api/v1/sync?rooms={positions}", "ana")).Json;
            seen.AddRange(answer.GetProperty("rooms")[0].GetProperty("items").EnumerateArray().Select(item => item.GetProperty("seq").GetInt32()));
            (positions, more) = (answer.GetProperty("positions").GetString()!, answer.GetProperty("has_more").GetBoolean());
        }

        Assert.Equal(Enumerable.Range(1, 40), seen);
    }

    [Fact]
    public async Task Waiting_ends_with_the_first_change()
    {
        var waiting = _host.SendAsync(HttpMethod.Get, "/api/v1/sync?rooms=a:5@e1&wait=25", "ana");
        var subscribe = await _host.CommandAsync(Command.BodyOneofCase.Subscribe);
        await _host.ReplyAsync(subscribe, reply => reply.Subscribed = new Subscribed { Epoch = "e1", Seq = 5, OwnerEpoch = 1 });
        await Eventually.HoldsAsync(() => _asked.Count >= 2, "the room is read again after it is subscribed");
        Assert.False(waiting.IsCompleted);

        _snapshot = _ => new Snapshot { Epoch = "e1", Seq = 6, Recovered = true, Messages = { Message(6) } };
        await _host.TellAsync(new NodeBatch { Rooms = { TestNode.Entries("a", TestNode.Message(6)) } });

        Assert.Equal("a:6@e1", (await waiting).Json.GetProperty("positions").GetString());
        Assert.Equal(0, _host.Of<RoomHub>().Find("a")!.LocalCount);
    }

    [Fact]
    public async Task Whose_token_is_revoked_while_it_waits_is_told_nothing_more()
    {
        var waiting = _host.SendAsync(HttpMethod.Get, "/api/v1/sync?rooms=a:5@e1&wait=25", "ana");
        var subscribe = await _host.CommandAsync(Command.BodyOneofCase.Subscribe);
        await _host.ReplyAsync(subscribe, reply => reply.Subscribed = new Subscribed { Epoch = "e1", Seq = 5, OwnerEpoch = 1 });
        await Eventually.HoldsAsync(() => _asked.Count >= 2, "the room is read again after it is subscribed");

        _host.Of<Connections.Auth.Revocations>().Add(new Revocation { UserId = "ana", RevokedAtMs = long.MaxValue, ExpiresAtMs = long.MaxValue });
        _snapshot = _ => new Snapshot { Epoch = "e1", Seq = 6, Recovered = true, Messages = { Message(6) } };
        await _host.TellAsync(new NodeBatch { Rooms = { TestNode.Entries("a", TestNode.Message(6)) } });

        Assert.Equal((401, 40104, "token_revoked"), (await waiting).Problem);
    }

    [Fact]
    public async Task Waiting_ends_when_its_time_is_over_with_nothing_new()
    {
        var waiting = _host.SendAsync(HttpMethod.Get, "/api/v1/sync?rooms=a:5@e1&wait=3", "ana");
        var subscribe = await _host.CommandAsync(Command.BodyOneofCase.Subscribe);
        await _host.ReplyAsync(subscribe, reply => reply.Subscribed = new Subscribed { Epoch = "e1", Seq = 5, OwnerEpoch = 1 });
        await Eventually.HoldsAsync(
            () =>
            {
                _host.Time.Advance(TimeSpan.FromSeconds(1));
                return waiting.IsCompleted;
            },
            "the answer comes");

        var answer = (await waiting).Json;
        Assert.Equal(("a:5@e1", 0), (answer.GetProperty("positions").GetString(), answer.GetProperty("rooms")[0].GetProperty("items").GetArrayLength()));
    }

    [Theory]
    [InlineData("/api/v1/sync")]
    [InlineData("/api/v1/sync?rooms=")]
    [InlineData("/api/v1/sync?rooms=a")]
    [InlineData("/api/v1/sync?rooms=a:x")]
    [InlineData("/api/v1/sync?rooms=a:-1")]
    [InlineData("/api/v1/sync?rooms=a:9999999999999999")]
    [InlineData("/api/v1/sync?rooms=a:1&wait=26")]
    public async Task What_is_malformed_is_a_bad_request(string path) =>
        Assert.Equal((400, 40001, "bad_request"), (await _host.SendAsync(HttpMethod.Get, path, "ana")).Problem);

    [Fact]
    public void Positions_are_read_as_they_are_written()
    {
        var positions = Positions.Parse("room:1:41@e1,b:7,c:2@e2", epoch: "", maxRooms: 3)!;

        Assert.Equal([("room:1", "e1", 41), ("b", "e1", 7), ("c", "e2", 2)], positions.Select(one => (one.RoomId, one.Position.Epoch, (int)one.Position.Seq)));
        Assert.Equal("room:1:41@e1,b:7,c:2@e2", Positions.Write(positions.Select(one => KeyValuePair.Create(one.RoomId, one.Position))));
        Assert.Null(Positions.Parse("a:1,b:2", epoch: "", maxRooms: 1));
    }

    private static Snapshot Nothing(long seq) => new() { Epoch = "e1", Seq = seq, Recovered = true };

    private static Message Message(long seq, string? content = null) => new()
    {
        MessageId = $"id-{seq}", Seq = seq, UpdatedSeq = seq, UserId = "zoe", Username = "zoe", Content = content ?? $"m{seq}", CreatedAtMs = 1_900_000_000_000,
    };
}
