using System.Text.Json;
using Grpc.Core;
using Tertulia.Connections.Explaining;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Doors.Http;

public sealed class TrailEndpointsTests : IAsyncLifetime
{
    private const string Path = "/api/v1/messages/m1/trail";

    private HttpHost _host = null!;

    public async Task InitializeAsync()
    {
        _host = await HttpHost.StartAsync(("Limits:EventsPerMinute", "0"));
        _host.Calls.On<GetMessageRequest, GetMessageReply>("GetMessage", request => new GetMessageReply
        {
            RoomId = "lobby",
            Epoch = HttpHost.Epoch,
            Message = request.Actor is null ? null : new Message { MessageId = "m1", Seq = 42, CreatedAtMs = 1_900_000_000_000 },
        });
    }

    public async Task DisposeAsync() => await _host.DisposeAsync();

    [Fact]
    public async Task An_admin_is_told_the_way_of_a_message()
    {
        _host.Of<DeliveryLog>().Add(new Delivery("lobby", HttpHost.Epoch, 42, OwnerEpoch: 7, AtMs: 1_900_000_000_005, Connections: 2, LeftOut: ["c2"]));
        _host.Of<DeliveryLog>().Add(new Departure("lobby", "c1", "ana", After: 40, UpTo: 50, HttpHost.Epoch));
        _host.Of<DeliveryLog>().Add(new Departure("lobby", "c2", "bruno", After: 40, UpTo: 50, HttpHost.Epoch));

        var answer = await AskAsync(_host.Token("root", "admin"));

        Assert.Equal(200, answer.Status);
        using var body = JsonDocument.Parse(answer.Body);
        Assert.Equal(
            ("m1", "lobby", 42, "2030-03-17T17:46:40.000Z", Partitioner.PartitionOf("lobby", Partitioner.DefaultPartitions)),
            (Text("message_id"), Text("room_id"), body.RootElement.GetProperty("seq").GetInt32(), Text("created_at"), body.RootElement.GetProperty("partition").GetInt32()));
        var node = Assert.Single(body.RootElement.GetProperty("nodes").EnumerateArray());
        Assert.Equal(
            $$"""{"node_id":"{{_host.Id}}","room_seq":0,"delivered_at":"2030-03-17T17:46:40.005Z","owner_epoch":7,"connections_then":2,"left_out":1,"connections":[{"connection_id":"c1","user_id":"ana","outcome":"sent_then_gone"},{"connection_id":"c2","user_id":"bruno","outcome":"left_out_then_gone"}],"has_more":false}""",
            node.GetRawText());

        string Text(string name) => body.RootElement.GetProperty(name).GetString()!;
    }

    [Fact]
    public async Task It_is_told_who_was_notified_and_pushed_to_and_why_not_and_the_rest_without_it_when_that_is_not_known()
    {
        ExplainMessageRequest? asked = null;
        _host.Calls.On<ExplainMessageRequest, NotificationTrail>("ExplainMessage", request =>
        {
            asked = request;
            return new NotificationTrail
            {
                Decisions =
                {
                    new NotificationDecision
                    {
                        UserId = "bruno", Kind = "mention", Outcome = "notified", NotificationId = "n1", AtMs = 1_900_000_000_000,
                        Push = new PushDecision
                        {
                            Outcome = "collapsed", Into = "n2", AtMs = 1_900_000_001_000,
                            Devices = { new DevicePush { EndpointHost = "push.example.net", Outcome = "gone", Attempts = 1, AtMs = 1_900_000_002_000, Error = "410" } },
                        },
                    },
                    new NotificationDecision { UserId = "carla", Outcome = "none", Reason = "not_member" },
                },
            };
        });

        var body = JsonDocument.Parse((await AskAsync(_host.Token("root", "admin"))).Body).RootElement;
        _host.Calls.On<ExplainMessageRequest, NotificationTrail>("ExplainMessage", Task<NotificationTrail> (_) => throw RpcErrors.Refuse(ErrorCode.BadRequest));
        var without = JsonDocument.Parse((await AskAsync(_host.Token("root", "admin"))).Body).RootElement;

        Assert.Equal(("m1", "lobby", ""), (asked!.MessageId, asked.RoomId, asked.UserId));
        Assert.Equal(
            """
            [{"user_id":"bruno","kind":"mention","outcome":"notified","notification_id":"n1","read":false,"at":"2030-03-17T17:46:40.000Z","push":{"outcome":"collapsed","at":"2030-03-17T17:46:41.000Z","into":"n2","devices":[{"endpoint_host":"push.example.net","outcome":"gone","attempts":1,"at":"2030-03-17T17:46:42.000Z","error":"410"}]}},{"user_id":"carla","outcome":"none","reason":"not_member"}]
            """.Trim(),
            body.GetProperty("notifications").GetRawText());
        Assert.False(body.GetProperty("more_notifications").GetBoolean());
        Assert.False(without.TryGetProperty("notifications", out _));
    }

    [Fact]
    public async Task Who_may_moderate_the_room_by_token_may_ask_and_nobody_else()
    {
        Assert.Equal(200, (await AskAsync(_host.Token("mo", rooms: new Dictionary<string, string[]> { ["lobby"] = ["read", "moderate"] }))).Status);
        Assert.Equal(403, (await AskAsync(_host.Token("ana", rooms: new Dictionary<string, string[]> { ["lobby"] = ["read", "write"] }))).Status);
        Assert.Equal(403, (await AskAsync(_host.Token("ana"))).Status);
        Assert.Equal(401, (await _host.SendRawAsync(HttpMethod.Get, Path, null)).Status);
    }

    [Fact]
    public async Task A_token_that_is_revoked_in_the_room_moderates_it_no_more_and_who_asks_is_known_to_the_service_that_knows_of_bans()
    {
        Actor? asked = null;
        var reply = new GetMessageReply { RoomId = "lobby", Epoch = HttpHost.Epoch, Message = new Message { MessageId = "m1", Seq = 42, CreatedAtMs = 1_900_000_000_000 } };
        _host.Calls.On<GetMessageRequest, GetMessageReply>("GetMessage", request =>
        {
            asked = request.Actor ?? asked;
            return reply;
        });
        var token = _host.Token("mo", rooms: new Dictionary<string, string[]> { ["lobby"] = ["moderate"] });

        Assert.Equal(200, (await AskAsync(token)).Status);
        Assert.Equal(("mo", "user", true, true), (asked!.UserId, asked.Role, asked.Grant.Read, asked.Grant.Moderate));
        _host.Of<Connections.Auth.Revocations>().Add(new Revocation { RoomId = "lobby", RevokedAtMs = long.MaxValue, ExpiresAtMs = long.MaxValue });
        Assert.Equal(403, (await AskAsync(token)).Status);
    }

    [Fact]
    public async Task A_message_that_does_not_exist_is_not_found()
    {
        _host.Calls.On<GetMessageRequest, GetMessageReply>("GetMessage", Task<GetMessageReply> (_) => throw RpcErrors.Refuse(ErrorCode.MessageNotFound));

        Assert.Equal(404, (await AskAsync(_host.Token("root", "admin"))).Status);
        Assert.Equal(400, (await _host.SendRawAsync(HttpMethod.Get, Path + "?user_id=", _host.Token("root", "admin"))).Status);
    }

    // The nodes are given a time to answer in, which the test lets pass.
    private async Task<HttpAnswer> AskAsync(string token)
    {
        var asking = _host.SendRawAsync(HttpMethod.Get, Path, token);
        await Eventually.HoldsAsync(() =>
        {
            _host.Time.Advance(TimeSpan.FromMilliseconds(100));
            return asking.IsCompleted;
        }, "the question is answered");
        return await asking;
    }
}
