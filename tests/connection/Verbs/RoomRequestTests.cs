using System.Text;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;

namespace Tertulia.Connections.Tests.Verbs;

/// <summary>From the frames that change rooms and members to the commands, and from their outcomes to the answers.</summary>
public sealed class RoomRequestTests : IAsyncLifetime
{
    private TestNode _node = null!;

    public async Task InitializeAsync() => _node = await TestNode.StartAsync();

    public async Task DisposeAsync() => await _node.DisposeAsync();

    [Fact]
    public async Task A_room_is_created_from_anywhere_and_its_id_is_told()
    {
        var ana = await _node.ConnectAsync("ana");

        await SendAsync(ana, """{"type":"room_create","kind":"public","name":"Sala","topic":"","slow_mode":5,"client_msg_id":"c1"}""");
        var first = await _node.CommandAsync(Command.BodyOneofCase.CreateRoom);
        await SendAsync(ana, """{"type":"room_create","kind":"private","client_msg_id":"c1"}""");
        var again = await _node.CommandAsync(Command.BodyOneofCase.CreateRoom);
        await SendAsync(ana, """{"type":"room_create","room_id":"mine"}""");
        var named = await _node.CommandAsync(Command.BodyOneofCase.CreateRoom);

        Assert.Equal(new RoomSettings { Kind = "open", Name = "Sala", SlowModeSeconds = 5 }, first.CreateRoom.Settings);
        Assert.Equal(first.RoomId, again.RoomId);
        Assert.Equal("mine", named.RoomId);
        var entry = new RoomEvent { Seq = 1, UserId = "ana", Room = new RoomCreated { Kind = "open", Settings = first.CreateRoom.Settings } };
        await _node.ReplyAsync(first, reply => reply.Stored = new Stored { Seq = 1, Entry = entry });
        var created = await ana.NextAsync("room_created", "the answer");
        Assert.Equal((first.RoomId, "public", "Sala", 5L, "owner", false), (
            created.Text("room_id"), created.Text("kind"), created.Text("name"), created.Number("slow_mode"), created.Text("role"), created.Flag("duplicate")));
    }

    [Theory]
    [InlineData("member_add", ",\"role\":\"guest\",\"username\":\"Bruno\"", MemberAction.Add)]
    [InlineData("member_remove", "", MemberAction.Remove)]
    [InlineData("member_role", ",\"role\":\"guest\"", MemberAction.SetRole)]
    [InlineData("invite", "", MemberAction.Invite)]
    [InlineData("invitation_revoke", "", MemberAction.Revoke)]
    [InlineData("kick", "", MemberAction.Kick)]
    [InlineData("ban", ",\"until\":\"2030-01-01T00:00:00Z\"", MemberAction.Ban)]
    [InlineData("unban", "", MemberAction.Unban)]
    [InlineData("mute", ",\"until\":\"2030-01-01T00:00:00Z\"", MemberAction.Mute)]
    [InlineData("unmute", "", MemberAction.Unmute)]
    public async Task A_users_place_is_changed_without_having_entered(string type, string more, MemberAction action)
    {
        var ana = await _node.ConnectAsync("ana");

        await SendAsync(ana, $$"""{"type":"{{type}}","ref":"r1","room_id":"lobby","user_id":"bruno","reason":"why"{{more}}}""");

        var command = await _node.CommandAsync(Command.BodyOneofCase.ChangeMember);
        var change = command.ChangeMember;
        Assert.Equal((action, "bruno", "why"), (change.Action, change.UserId, change.Reason));
        Assert.Equal(more.Contains("role") ? "guest" : "", change.Role);
        Assert.Equal(more.Contains("until") ? 1_893_456_000_000 : 0, change.UntilMs);
        await _node.ReplyAsync(command, reply => reply.Refused = new Refusal { Code = ErrorCode.Forbidden });
        Assert.Equal((40301, "r1"), await ana.NextAsync("error", "the refusal") is var error ? (error.Code, error.Ref) : default);
    }

    [Theory]
    [InlineData("invitation_accept", MemberAction.Accept)]
    [InlineData("invitation_decline", MemberAction.Decline)]
    public async Task An_invitation_is_answered_for_oneself(string type, MemberAction action)
    {
        var ana = await _node.ConnectAsync("ana");

        await SendAsync(ana, $$"""{"type":"{{type}}","room_id":"lobby","user_id":"bruno"}""");

        var change = (await _node.CommandAsync(Command.BodyOneofCase.ChangeMember)).ChangeMember;
        Assert.Equal((action, "ana"), (change.Action, change.UserId));
    }

    [Fact]
    public async Task The_answer_has_the_ref_and_everyone_is_told_once()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 5);
        var bruno = await _node.JoinedAsync("bruno", "lobby", seq: 5);
        await SendAsync(ana, """{"type":"room_update","ref":"u1","room_id":"lobby","topic":"pan","archived":false}""");
        var command = await _node.CommandAsync(Command.BodyOneofCase.UpdateRoom);
        Assert.True(command.UpdateRoom is { HasTopic: true, Topic: "pan", HasArchived: true, HasName: false, HasKind: false });

        var updated = new RoomUpdated { Settings = new RoomSettings { Kind = "open", Topic = "pan" }, Changed = { "topic" } };
        await _node.TellEventsAsync("lobby", new RoomEvent
        {
            Seq = 6, UserId = "ana", OriginNodeId = _node.Id, CommandId = command.CommandId, CreatedAtMs = 1_900_000_000_000, RoomUpdated = updated,
        });

        var answer = await ana.NextAsync("room_updated", "the answer");
        Assert.Equal(("u1", "pan", "public", 6L), (answer.Ref, answer.Text("topic"), answer.Text("kind"), answer.Seq));
        foreach (var client in new[] { ana, bruno })
        {
            var told = await client.NextAsync("room_updated", "the event");
            Assert.Equal(("", "ana", 6L), (told.Ref, told.Text("by"), told.Number("seq")));
            Assert.Equal(["topic"], told.Items("changed").Select(name => name.GetString()));
            await client.HasNothingMoreAsync();
        }
    }

    [Theory]
    [InlineData("""{"type":"kick","room_id":"lobby"}""")]
    [InlineData("""{"type":"member_role","room_id":"lobby","user_id":"b","role":"king"}""")]
    [InlineData("""{"type":"member_role","room_id":"lobby","user_id":"b"}""")]
    [InlineData("""{"type":"ban","room_id":"lobby","user_id":"b","until":"soon"}""")]
    [InlineData("""{"type":"room_create","kind":"direct"}""")]
    [InlineData("""{"type":"room_create","slow_mode":-1}""")]
    [InlineData("""{"type":"room_update","room_id":"lobby","archived":"yes"}""")]
    public void Bad_fields_are_complained_about(string frame)
    {
        var reading = _node.Of<FrameReader>().Read(Encoding.UTF8.GetBytes(frame));

        Assert.Equal((null, ErrorCode.BadRequest), (reading.Command, reading.Error));
    }

    [Fact]
    public async Task An_update_of_nothing_is_refused()
    {
        var ana = await _node.ConnectAsync("ana");

        await SendAsync(ana, """{"type":"room_update","room_id":"lobby"}""");

        Assert.Equal(40001, (await ana.NextAsync("error", "the refusal")).Code);
    }

    private Task SendAsync(TestClient client, string frame)
    {
        var reading = _node.Of<FrameReader>().Read(Encoding.UTF8.GetBytes(frame));
        Assert.True(reading.Command is not null, reading.Detail);
        return client.SendAsync(reading.Command);
    }
}
