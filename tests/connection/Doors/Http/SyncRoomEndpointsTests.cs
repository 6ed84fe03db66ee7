using System.Text;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Tests.Doors.Http;

public sealed class SyncRoomEndpointsTests : IAsyncLifetime
{
    private const string Push = "/api/sync/push";
    private const string Pull = "/api/sync/pull";

    private readonly List<GetHistoryRequest> _asked = [];
    private HttpHost _host = null!;

    public async Task InitializeAsync() =>
        _host = await HttpHost.StartAsync(("Limits:EventsPerMinute", "0"), ("Connections:Sync:Room", "updates"));

    public async Task DisposeAsync() => await _host.DisposeAsync();

    [Fact]
    public async Task An_update_is_the_metadata_of_a_message_in_the_sync_room()
    {
        var pushing = _host.SendAsync(HttpMethod.Post, Push, "ana", """{"id":7,"state":"shipped"}""", ("Idempotency-Key", "k1"));

        var command = await _host.CommandAsync(Command.BodyOneofCase.Send);
        Assert.Equal(
            ("updates", "ana", "sync_update", """{"id":7,"state":"shipped"}""", "k1"),
            (command.RoomId, command.Actor.UserId, command.Send.Content, command.Send.Metadata.ToStringUtf8(), command.Send.ClientMsgId));
        await StoreAsync(command, seq: 7);
        var answer = await pushing;
        Assert.Equal((201, "updates", 7), (answer.Status, answer.Json.GetProperty("room_id").GetString(), answer.Json.GetProperty("seq").GetInt32()));
    }

    [Theory]
    [InlineData(ErrorCode.NotMember)]
    [InlineData(ErrorCode.RoomNotFound)]
    public async Task Who_is_not_in_the_room_enters_it_by_pushing(ErrorCode outside)
    {
        var pushing = _host.SendAsync(HttpMethod.Post, Push, "ana", """{"id":7}""");

        await RefuseAsync(await _host.CommandAsync(Command.BodyOneofCase.Send), outside);
        var join = await _host.CommandAsync(Command.BodyOneofCase.Join);
        Assert.Equal(("updates", "ana"), (join.RoomId, join.Actor.UserId));
        await _host.ReplyAsync(join, reply => reply.Joined = new Joined { Epoch = HttpHost.Epoch, Seq = 1, OwnerEpoch = 1, Members = 1, Role = "member" });
        await StoreAsync(await _host.CommandAsync(Command.BodyOneofCase.Send), seq: 2);

        Assert.Equal((201, 2), ((await pushing).Status, (await pushing).Json.GetProperty("seq").GetInt32()));
    }

    [Fact]
    public async Task Who_may_not_enter_pushes_nothing()
    {
        var pushing = _host.SendAsync(HttpMethod.Post, Push, "ana", """{"id":7}""");

        await RefuseAsync(await _host.CommandAsync(Command.BodyOneofCase.Send), ErrorCode.NotMember);
        await RefuseAsync(await _host.CommandAsync(Command.BodyOneofCase.Join), ErrorCode.Forbidden);

        Assert.Equal((403, 40301, "forbidden"), (await pushing).Problem);
        Assert.False(_host.TryReadCommand(out _));
    }

    [Theory]
    [InlineData("[]", 40001)]
    [InlineData("7", 40001)]
    [InlineData("{", 40002)]
    [InlineData("""{},"content":"other""", 40002)]
    [InlineData("""{}},{"a":{}""", 40002)]
    public async Task What_is_no_object_is_refused(string body, int code)
    {
        var problem = (await _host.SendAsync(HttpMethod.Post, Push, "ana", body)).Problem;

        Assert.Equal((400, code), (problem.Status, problem.Code));
        Assert.False(_host.TryReadCommand(out _));
    }

    [Fact]
    public async Task An_update_has_at_most_four_kibibytes()
    {
        var problem = (await _host.SendAsync(HttpMethod.Post, Push, "ana", $$"""{"a":"{{new string('a', 4096)}}"}""")).Problem;

        Assert.Equal((413, 40005, "too_large"), problem);
    }

    [Fact]
    public async Task A_pull_gives_what_came_after_and_where_to_go_on()
    {
        OnHistory(_ => new HistoryPage { Epoch = "e1", HasMore = true, Messages = { Update(8), Update(9) } });

        var answer = await _host.SendAsync(HttpMethod.Get, Pull + "?since=7@e1", "ana");

        var asked = Assert.Single(_asked);
        Assert.Equal(("updates", "ana", 7L, false), (asked.RoomId, asked.Actor.UserId, asked.AfterSeq, asked.HasBeforeSeq));
        Assert.Equal(
            (200,
            """{"room_id":"updates","items":[{"id":"m8","seq":8,"user_id":"zoe","username":"zoe","content":"sync_update","created_at":"1970-01-01T00:00:01.000Z","metadata":{"n":8}},{"id":"m9","seq":9,"user_id":"zoe","username":"zoe","content":"sync_update","created_at":"1970-01-01T00:00:01.000Z","metadata":{"n":9}}],"position":"9@e1","reset":false,"has_more":true}"""),
            (answer.Status, answer.Body));
    }

    [Theory]
    [InlineData("", 0, "0@e1")]
    [InlineData("?since=", 0, "0@e1")]
    [InlineData("?since=7", 7, "7@e1")]
    [InlineData("?since=7@e1", 7, "7@e1")]
    public async Task A_pull_without_news_stays_where_it_was(string query, long after, string position)
    {
        OnHistory(_ => new HistoryPage { Epoch = "e1" });

        var answer = await _host.SendAsync(HttpMethod.Get, Pull + query, "ana");

        Assert.Equal(after, Assert.Single(_asked).AfterSeq);
        Assert.True(_asked[0].HasAfterSeq);
        Assert.Equal($$"""{"room_id":"updates","items":[],"position":"{{position}}","reset":false,"has_more":false}""", answer.Body);
    }

    [Fact]
    public async Task A_position_of_another_epoch_begins_again()
    {
        OnHistory(asked => new HistoryPage { Epoch = "e2", Messages = { asked.AfterSeq == 0 ? [Update(3)] : [] } });

        var answer = await _host.SendAsync(HttpMethod.Get, Pull + "?since=7@e1", "ana");

        Assert.Equal([7L, 0L], _asked.Select(asked => asked.AfterSeq));
        Assert.Equal(("3@e2", true), (answer.Json.GetProperty("position").GetString(), answer.Json.GetProperty("reset").GetBoolean()));
        Assert.Equal("m3", Assert.Single(answer.Json.GetProperty("items").EnumerateArray()).GetProperty("id").GetString());
    }

    [Fact]
    public async Task An_answer_that_would_be_too_large_is_cut_and_goes_on_from_there()
    {
        var big = $$"""{"a":"{{new string('a', 4000)}}"}""";
        OnHistory(asked => new HistoryPage { Epoch = "e1", Messages = { Enumerable.Range(1, 100).Select(number => Update(asked.AfterSeq + number, big)) } });

        var first = (await _host.SendAsync(HttpMethod.Get, Pull, "ana")).Json;
        var seen = first.GetProperty("items").GetArrayLength();

        Assert.InRange(seen, 1, 99);
        Assert.Equal(($"{seen}@e1", true), (first.GetProperty("position").GetString(), first.GetProperty("has_more").GetBoolean()));
    }

    [Fact]
    public async Task Who_is_not_in_the_room_enters_it_by_pulling()
    {
        var isIn = false;
        OnHistory(_ => isIn ? new HistoryPage { Epoch = "e1" } : throw RpcErrors.Refuse(ErrorCode.NotMember, ""));
        var pulling = _host.SendAsync(HttpMethod.Get, Pull, "ana");

        var join = await _host.CommandAsync(Command.BodyOneofCase.Join);
        isIn = true;
        await _host.ReplyAsync(join, reply => reply.Joined = new Joined { Epoch = HttpHost.Epoch, Seq = 1, OwnerEpoch = 1, Members = 1, Role = "member" });

        Assert.Equal(200, (await pulling).Status);
    }

    [Theory]
    [InlineData("a")]
    [InlineData("-1")]
    [InlineData("7@%00")]
    [InlineData("9007199254740993")]
    [InlineData("7@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    public async Task What_is_no_position_is_refused(string since) =>
        Assert.Equal((400, 40001, "bad_request"), (await _host.SendAsync(HttpMethod.Get, $"{Pull}?since={since}", "ana")).Problem);

    [Fact]
    public async Task Nobody_is_in_sync_without_a_token() =>
        Assert.Equal((401, 40101, "auth_required"), (await _host.SendAsync(HttpMethod.Get, Pull, userId: null)).Problem);

    [Fact]
    public async Task A_room_that_is_none_keeps_the_process_from_starting()
    {
        var exception = await Assert.ThrowsAsync<Microsoft.Extensions.Options.OptionsValidationException>(() => HttpHost.StartAsync(("Connections:Sync:Room", "a b")));

        Assert.Contains("Connections:Sync:Room", exception.Message, StringComparison.Ordinal);
    }

    private void OnHistory(Func<GetHistoryRequest, HistoryPage> answer) => _host.Calls.On<GetHistoryRequest, HistoryPage>("GetHistory", asked =>
    {
        _asked.Add(asked);
        return answer(asked);
    });

    private static Message Update(long seq, string? update = null) => new()
    {
        MessageId = $"m{seq}", Seq = seq, UpdatedSeq = seq, UserId = "zoe", Username = "zoe", Content = "sync_update", CreatedAtMs = 1_000,
        Metadata = Google.Protobuf.ByteString.CopyFrom(Encoding.UTF8.GetBytes(update ?? $$"""{"n":{{seq}}}""")),
    };

    private Task RefuseAsync(Command command, ErrorCode code) => _host.ReplyAsync(command, reply => reply.Refused = new Refusal { Code = code });

    private Task StoreAsync(Command command, long seq) => _host.ReplyAsync(command, reply => reply.Stored = new Stored
    {
        MessageId = command.Send.MessageId, ClientMsgId = command.Send.ClientMsgId, Seq = seq, CreatedAtMs = 1_000, Epoch = HttpHost.Epoch,
    });
}
