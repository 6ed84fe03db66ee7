using System.Text;
using Google.Protobuf;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;

namespace Tertulia.Connections.Tests.Verbs;

public sealed class BroadcastTests : IAsyncLifetime
{
    private TestNode _node = null!;
    private TestClient _ana = null!;

    public async Task InitializeAsync()
    {
        _node = await TestNode.StartAsync();
        _ana = await _node.JoinedAsync("ana", "lobby", seq: 5);
    }

    public async Task DisposeAsync() => await _node.DisposeAsync();

    [Fact]
    public async Task All_who_are_in_the_room_are_told_but_the_connection_that_it_comes_from()
    {
        var tablet = await _node.JoinedAsync("ana", "lobby", seq: 5);
        var bruno = await _node.JoinedAsync("bruno", "lobby", seq: 5);
        await SendAsync("""{"type":"broadcast","ref":"b1","room_id":"lobby","event":"cursor","payload":[1,{"x":"ñ"}]}""");
        var command = await _node.CommandAsync(Command.BodyOneofCase.Broadcast);
        var broadcast = command.Broadcast.Broadcast;
        Assert.Equal(("cursor", """[1,{"x":"ñ"}]""", _ana.Session.ConnectionId, "ana"),
            (broadcast.Event, broadcast.Payload.ToStringUtf8(), broadcast.ConnectionId, command.Actor.UserId));

        await _node.ReplyAsync(command, reply => reply.Told = new Told());
        await TellAsync(broadcast);

        const string Data = """{"event":"cursor","user_id":"ana","username":"ana","payload":[1,{"x":"ñ"}]}""";
        Assert.Equal(Data, (await tablet.NextAsync("broadcast", "the event")).Data.GetRawText());
        Assert.Equal(Data, (await bruno.NextAsync("broadcast", "the event")).Data.GetRawText());
        var taken = await _ana.NextAsync("broadcast", "the answer");
        Assert.Equal(("b1", """{"event":"cursor"}"""), (taken.Ref, taken.Data.GetRawText()));
        await _ana.HasNothingMoreAsync();
    }

    [Fact]
    public async Task Without_a_ref_only_a_refusal_is_told()
    {
        await SendAsync("""{"type":"broadcast","room_id":"lobby","event":"cursor"}""");
        await _node.ReplyAsync(await _node.CommandAsync(Command.BodyOneofCase.Broadcast), reply => reply.Told = new Told());
        await _ana.HasNothingMoreAsync();

        await SendAsync("""{"type":"broadcast","room_id":"lobby","event":"cursor"}""");
        await _node.ReplyAsync(await _node.CommandAsync(Command.BodyOneofCase.Broadcast), reply => reply.Refused = new Refusal { Code = ErrorCode.Muted });
        Assert.Equal(40303, (await _ana.NextAsync("error", "the refusal")).Code);
    }

    [Fact]
    public async Task What_is_too_large_is_not_sent()
    {
        await SendAsync($$"""{"type":"broadcast","ref":"b1","room_id":"lobby","event":"cursor","payload":"{{new string('x', 16 * 1024)}}"}""");

        Assert.Equal(40005, (await _ana.NextAsync("error", "the refusal")).Code);
    }

    [Fact]
    public void An_event_needs_a_name()
    {
        var reading = _node.Of<FrameReader>().Read("""{"type":"broadcast","payload":1}"""u8);

        Assert.Equal((ErrorCode.BadRequest, "event is required"), (reading.Error, reading.Detail));
    }

    private async Task SendAsync(string json)
    {
        var reading = _node.Of<FrameReader>().Read(Encoding.UTF8.GetBytes(json));
        Assert.True(reading.Command is not null, reading.Detail);
        await _ana.SendAsync(reading.Command);
    }

    private Task TellAsync(Broadcast broadcast) => _node.TellAsync(new NodeBatch
    {
        Ephemerals = { new Ephemeral { RoomId = "lobby", UserId = "ana", Username = "ana", Broadcast = broadcast } },
    });
}
