using System.Collections.Concurrent;
using Google.Protobuf;
using Tertulia.Contracts;
using Tertulia.Testing;
using State = Tertulia.Contracts.BeginRequestReply.Types.State;

namespace Tertulia.Connections.Tests.Doors.Http;

/// <summary>A POST with an <c>Idempotency-Key</c>: what is asked of who keeps the answers, and what becomes of each state. That there is one answer for all nodes is
/// tested with them.</summary>
public sealed class KeptAnswersTests : IAsyncLifetime
{
    private const string Path = "/api/v1/rooms/lobby/kicks";
    private const string Body = """{"user_id":"bruno"}""";

    private readonly ConcurrentQueue<BeginRequestRequest> _begun = [];
    private readonly ConcurrentQueue<FinishRequestRequest> _finished = [];
    private HttpHost _host = null!;
    private BeginRequestReply _reply = new() { State = State.Taken };

    public async Task InitializeAsync()
    {
        _host = await HttpHost.StartAsync(("Limits:EventsPerMinute", "0"), ("Auth:ServiceKeys:0", $"shop:{Tertulia.Connections.Auth.ServiceKeys.HashOf("k")}"));
        _host.Calls.On<BeginRequestRequest, BeginRequestReply>("BeginRequest", request =>
        {
            _begun.Enqueue(request);
            return _reply;
        });
        _host.Calls.On<FinishRequestRequest, FinishRequestReply>("FinishRequest", request =>
        {
            _finished.Enqueue(request);
            return new FinishRequestReply();
        });
    }

    public async Task DisposeAsync() => await _host.DisposeAsync();

    [Fact]
    public async Task An_answer_is_kept_before_it_is_given_and_given_again_as_it_was()
    {
        var asking = SendAsync("k1");
        await KickAsync();
        var first = await asking;

        Assert.Equal(200, first.Status);
        Assert.False(first.Headers.ContainsKey("Idempotency-Replayed"));
        var finished = Assert.Single(_finished);
        var begun = Assert.Single(_begun);
        Assert.Equal((begun.UserId, begun.RequestId, begun.Claim), (finished.UserId, finished.RequestId, finished.Claim));
        _reply = new BeginRequestReply { State = State.Done, Answer = finished.Answer };
        var again = await SendAsync("k1");

        Assert.Equal((first.Status, first.Body, first.ContentType, "true"), (again.Status, again.Body, again.ContentType, again.Headers["Idempotency-Replayed"]));
        Assert.False(_host.TryReadCommand(out _));
    }

    [Fact]
    public async Task The_place_of_what_was_made_is_kept_too()
    {
        _reply = new BeginRequestReply
        {
            State = State.Done, Answer = new KeptAnswer { Status = 201, Location = "/api/v1/rooms/r1", Json = ByteString.CopyFromUtf8("{}") }.ToByteString(),
        };

        var again = await _host.SendAsync(HttpMethod.Post, "/api/v1/rooms", "ana", "{}", ("Idempotency-Key", "k1"));

        Assert.Equal((201, "/api/v1/rooms/r1", "{}"), (again.Status, again.Headers["Location"], again.Body));
    }

    [Fact]
    public async Task A_key_is_of_its_user_and_its_path_and_the_body_is_compared()
    {
        _reply = new BeginRequestReply { State = State.Other };

        foreach (var (path, user, key, body) in new[]
        {
            (Path, "ana", "k1", Body), (Path, "ana", "k1", Body), (Path, "ana", "\"k1\"", """{"user_id":"zoe"}"""), (Path, "ana", "k2", Body),
            ("/api/v1/rooms/lobby/bans", "ana", "k1", Body), (Path, "bruno", "k1", Body),
        })
        {
            Assert.Equal((422, 40001, "bad_request"), (await _host.SendAsync(HttpMethod.Post, path, user, body, ("Idempotency-Key", key))).Problem);
        }

        var asked = _begun.ToArray();
        Assert.Equal((asked[0].RequestId, asked[0].Fingerprint), (asked[1].RequestId, asked[1].Fingerprint));
        Assert.Equal((asked[0].RequestId, false), (asked[2].RequestId, asked[0].Fingerprint == asked[2].Fingerprint));
        Assert.Equal(3, asked.Select(one => one.RequestId).Distinct().Count());
        Assert.Equal(["ana", "bruno"], asked.Select(one => one.UserId).Distinct());
        Assert.Equal(asked.Length, asked.Select(one => one.Claim).Distinct().Count());
        Assert.All(asked, one => Assert.False(one.Unlimited));
    }

    [Fact]
    public async Task What_is_under_way_is_said_so()
    {
        _reply = new BeginRequestReply { State = State.UnderWay };

        var refused = await SendAsync("k1");

        Assert.Equal((409, 50301, "unavailable"), refused.Problem);
        Assert.Equal("1", refused.Headers["Retry-After"]);
    }

    [Fact]
    public async Task A_refusal_gives_the_key_back()
    {
        var asking = SendAsync("k1");
        var kick = await _host.CommandAsync(Command.BodyOneofCase.ChangeMember);
        await _host.ReplyAsync(kick, reply => reply.Refused = new Refusal { Code = ErrorCode.Forbidden });

        Assert.Equal((403, 40301, "forbidden"), (await asking).Problem);
        Assert.True(Assert.Single(_finished).Answer.IsEmpty);
    }

    [Fact]
    public async Task It_is_carried_out_to_its_end_when_the_client_goes_in_the_middle()
    {
        using var client = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(_host.Address, Path)) { Content = new StringContent(Body, null, "application/json") };
        request.Headers.Add("Authorization", "Bearer " + _host.Token("ana"));
        request.Headers.Add("Idempotency-Key", "k1");
        using var gone = new CancellationTokenSource();
        var asking = client.SendAsync(request, gone.Token);
        var kick = await _host.CommandAsync(Command.BodyOneofCase.ChangeMember);

        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asking);
        client.Dispose();
        await KickedAsync(kick);

        await Eventually.HoldsAsync(() => _finished.Any(finished => !finished.Answer.IsEmpty), "the answer is kept");
    }

    [Fact]
    public async Task Without_who_keeps_answers_nothing_is_done()
    {
        _host.Calls.On<BeginRequestRequest, BeginRequestReply>("BeginRequest", BeginRequestReply (_) => throw new Grpc.Core.RpcException(new Grpc.Core.Status(Grpc.Core.StatusCode.Unavailable, "away")));

        Assert.Equal((503, 50301, "unavailable"), (await SendAsync("k1")).Problem);
        Assert.False(_host.TryReadCommand(out _));
    }

    [Fact]
    public async Task A_key_that_cannot_be_one_is_refused_and_no_key_asks_nobody()
    {
        Assert.Equal((400, 40001, "bad_request"), (await SendAsync(new string('k', 65))).Problem);
        var asking = _host.SendAsync(HttpMethod.Post, Path, "ana", Body);
        await KickAsync();

        Assert.Equal(200, (await asking).Status);
        Assert.Empty(_begun);
    }

    [Fact]
    public async Task Services_have_as_many_as_they_need()
    {
        _reply = new BeginRequestReply { State = State.UnderWay };

        await _host.SendAsync(HttpMethod.Post, "/api/v1/server/broadcast", userId: null, """{"all":true,"event":"e"}""", ("X-Api-Key", "k"), ("Idempotency-Key", "k1"));

        Assert.True(Assert.Single(_begun).Unlimited);
    }

    private Task<HttpAnswer> SendAsync(string key) => _host.SendAsync(HttpMethod.Post, Path, "ana", Body, ("Idempotency-Key", key));

    private async Task KickAsync() => await KickedAsync(await _host.CommandAsync(Command.BodyOneofCase.ChangeMember));

    private Task KickedAsync(Command kick) => _host.ReplyAsync(
        kick, reply => reply.Stored = new Stored { Epoch = "e1", Seq = 9, Entry = new RoomEvent { Seq = 9, Member = new MemberChanged { UserId = "bruno", Action = MemberAction.Kick } } });
}
