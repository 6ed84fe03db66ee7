using Google.Protobuf;
using Tertulia.Contracts;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Sending;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Tests.Sending;

public sealed class SendVerbTests
{
    private readonly Flush _flush = Deciding.NewFlush();
    private readonly RoomState _room = Deciding.Room();

    [Fact]
    public void A_members_message_takes_the_rooms_next_seq()
    {
        _flush.NowMs = 1234;
        Decide(Commands.Send("lobby", "ana", "hola", "c1").By(_room));
        Decide(Commands.Send("lobby", "ana", "qué tal", "c2").By(_room));

        Assert.Equal([11, 12], Entries.Select(entry => entry.Event.Seq));
        Assert.Equal(["c1", "c2"], Entries.Select(entry => entry.IdempotencyKey));
        Assert.Equal(("ana", "ANA", 1234L), Entries[0].Event is var first ? (first.UserId, first.Username, first.CreatedAtMs) : default);
        Assert.Empty(_flush.Replies);
    }

    [Fact]
    public void Who_is_not_a_member_is_refused() => AssertRefused(ErrorCode.NotMember, Commands.Send("lobby", "ana", "hola").By(_room, role: ""));

    [Fact]
    public void Who_is_banned_is_refused_whatever_the_token_grants()
    {
        var command = Commands.Send("lobby", "ana", "hola");
        command.Actor.Grant = new Grant { Read = true, Write = true };

        AssertRefused(ErrorCode.Banned, command.By(_room, banned: true));
    }

    [Fact]
    public void A_room_that_does_not_exist_is_refused() => AssertRefused(ErrorCode.RoomNotFound, Commands.Send("lobby", "ana", "hola").By(Deciding.Nowhere(), role: ""));

    [Theory]
    [InlineData(true, "", ErrorCode.Unspecified)]
    [InlineData(false, "member", ErrorCode.Forbidden)]
    public void A_token_with_grants_decides_instead_of_the_membership(bool write, string role, ErrorCode expected)
    {
        var command = Commands.Send("lobby", "ana", "hola");
        command.Actor.Grant = new Grant { Read = true, Write = write };

        Decide(command.By(_room, role));

        Assert.Equal(expected, _flush.Replies is [var refused] ? refused.Reply.Refused.Code : ErrorCode.Unspecified);
    }

    [Theory]
    [InlineData("admin")]
    [InlineData("service")]
    public void Admins_and_services_write_everywhere(string role)
    {
        var command = Commands.Send("lobby", "ana", "hola");
        command.Actor.Role = role;

        Decide(command.By(_room, role: "", banned: true));

        Assert.Single(Entries);
    }

    [Theory]
    [InlineData("")]
    [InlineData("a\0b")]
    public void Content_that_is_no_text_is_refused(string content) => AssertRefused(ErrorCode.InvalidMessage, Commands.Send("lobby", "ana", content).By(_room));

    [Fact]
    public void The_limit_counts_characters_and_not_what_they_take_in_memory()
    {
        Decide(Commands.Send("lobby", "ana", string.Concat(Enumerable.Repeat("🎉", 1_000))).By(_room));
        Assert.Single(Entries);

        AssertRefused(ErrorCode.InvalidMessage, Commands.Send("lobby", "ana", new string('x', 1_001)).By(_room));
    }

    [Fact]
    public void A_client_id_that_is_too_long_is_refused() =>
        AssertRefused(ErrorCode.InvalidMessage, Commands.Send("lobby", "ana", "hola", new string('c', 65)).By(_room));

    [Theory]
    [InlineData("", "~id")]
    [InlineData("c1", "c1")]
    [InlineData("~id", "=~id")]
    [InlineData("+join:node:1", "=+join:node:1")]
    [InlineData("=c1", "==c1")]
    public void No_client_id_can_be_taken_for_a_key_of_the_service(string clientMsgId, string key)
    {
        var command = Commands.Send("lobby", "ana", "hola", clientMsgId);
        command.Send.MessageId = "id";

        Assert.Equal(key, Deciding.Sends.KeyOf(command));
    }

    [Fact]
    public void What_was_stored_lately_is_answered_from_memory()
    {
        _flush.Recent.Add(new EntryKey("lobby", "ana", "c1"), new StoredEntry("first", 5, 99));

        Decide(Commands.Send("lobby", "ana", "hola", "c1").By(_room));

        Assert.Empty(Entries);
        Assert.Equal(
            new Stored { MessageId = "first", ClientMsgId = "c1", Seq = 5, CreatedAtMs = 99, Duplicate = true, Epoch = _flush.Epoch }, Assert.Single(_flush.Replies).Reply.Stored);
    }

    [Fact]
    public void The_same_command_that_is_stored_already_is_published_with_its_seq_and_not_written()
    {
        var command = Commands.Send("lobby", "ana", "hola", "c1");
        _flush.Recent.Add(new EntryKey("lobby", "ana", "c1"), new StoredEntry(command.Send.MessageId, 5, 99));

        Decide(command.By(_room));

        Assert.Empty(Entries);
        var published = Assert.Single(Assert.Single(_flush.Seal("epoch").Rooms).Events.Events);
        Assert.Equal((5L, 99L, "hola", "node-1"), (published.Seq, published.CreatedAtMs, published.Message.Content, published.OriginNodeId));
    }

    [Theory]
    [InlineData(4096, ErrorCode.Unspecified)]
    [InlineData(4097, ErrorCode.TooLarge)]
    public void Metadata_has_a_limit_in_bytes(int bytes, ErrorCode expected)
    {
        var command = Commands.Send("lobby", "ana", "hola");
        command.Send.Metadata = ByteString.CopyFrom(new byte[bytes]);

        Decide(command.By(_room));

        Assert.Equal(expected, _flush.Replies is [var refused] ? refused.Reply.Refused.Code : ErrorCode.Unspecified);
    }

    private List<LogEntry> Entries => _room.Entries ?? [];

    private void Decide(in Submitted submitted) => Deciding.Sends.Decide(submitted, _flush);

    private void AssertRefused(ErrorCode code, in Submitted submitted)
    {
        var before = Entries.Count;
        Decide(submitted);

        Assert.Equal(code, Assert.Single(_flush.Replies).Reply.Refused.Code);
        Assert.Equal(before, Entries.Count);
    }
}
