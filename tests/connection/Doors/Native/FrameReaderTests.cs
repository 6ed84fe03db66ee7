using System.Text;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;

namespace Tertulia.Connections.Tests.Doors.Native;

public sealed class FrameReaderTests
{
    private static readonly FrameReader Reader = new(FrameTypes.All);

    [Fact]
    public void A_flat_message_is_read_with_all_its_fields()
    {
        var frame = Accept<MessageCommand>("""
            {"type":"message","ref":"r1","room_id":"lobby","content":"Hola \"tú\" <b>","client_msg_id":"c1","reply_to":"m0",
             "metadata":{"a":[1, 2]},"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
            """);

        Assert.Equal(
            ("r1", "lobby", "Hola \"tú\" <b>", "c1", "m0", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            (frame.Ref, frame.RoomId, frame.Content, frame.ClientMsgId, frame.ReplyTo, frame.Traceparent));
        Assert.Equal("""{"a":[1, 2]}""", Encoding.UTF8.GetString(frame.Metadata.Span));
    }

    [Fact]
    public void The_nested_form_is_the_same_frame()
    {
        var flat = Accept<JoinCommand>("""{"type":"join","ref":"r","room_id":"1","since":{"epoch":"e","seq":41},"history":5}""");
        var nested = Accept<JoinCommand>("""{"data":{"history":5,"since":{"seq":41,"epoch":"e"}},"room_id":"1","ref":"r","type":"join"}""");

        Assert.Equal(flat, nested);
        Assert.Equal(new Position { Epoch = "e", Seq = 41 }, nested.Since);
        Assert.Equal(5, nested.History);
    }

    [Fact]
    public void Numbers_are_accepted_for_ids()
    {
        var frame = Accept<MessageCommand>("""{"type":"message","room_id":1,"client_msg_id":77,"reply_to":5,"ref":9,"content":"x"}""");

        Assert.Equal(("1", "77", "5", "9"), (frame.RoomId, frame.ClientMsgId, frame.ReplyTo, frame.Ref));
    }

    [Fact]
    public void Unknown_fields_and_fields_of_other_types_are_not_looked_at()
    {
        var frame = Accept<PingCommand>("""{"type":"ping","room_id":[],"limit":"many","x":{"type":"join"},"content":5,"data":{"type":"leave","ref":"no"}}""");

        Assert.Equal(new PingCommand(), frame);
    }

    [Fact]
    public void Of_a_field_that_comes_twice_the_last_counts()
    {
        Assert.Equal("b", Accept<MessageCommand>("""{"type":"leave","type":"message","content":"a","content":"b"}""").Content);
        Assert.Equal("flat", Accept<MessageCommand>("""{"type":"message","data":{"content":"nested"},"content":"flat"}""").Content);
    }

    [Fact]
    public void Null_is_absent_and_names_may_be_escaped()
    {
        var frame = Accept<MessageCommand>("""{"\u0074ype":"message","content":"x","reply_to":null,"metadata":null,"ref":null,"data":null,"\ud800":1,"\ud83d\ude00":2}""");

        Assert.Equal(new MessageCommand { Content = "x" }, frame);
    }

    [Theory]
    [InlineData("""{"type":"typing","is_typing":true}""", typeof(TypingCommand))]
    [InlineData("""{"type":"leave","room_id":"a"}""", typeof(LeaveCommand))]
    [InlineData("""{"type":"history","before_seq":9007199254740991,"limit":100}""", typeof(HistoryCommand))]
    [InlineData("""{"type":"history","after_seq":0,"before_seq":null}""", typeof(HistoryCommand))]
    [InlineData("""{"type":"auth","token":"t"}""", typeof(AuthCommand))]
    [InlineData("""{"type":"auth_refresh","data":{"token":"t"}}""", typeof(AuthCommand))]
    [InlineData("""{"type":"message","content":""}""", typeof(MessageCommand))]
    public void Every_type_is_read(string json, Type type)
    {
        Assert.Equal(type, Read(json).Command?.GetType());
    }

    [Theory]
    [InlineData("", null)]
    [InlineData("hola", null)]
    [InlineData("{", null)]
    [InlineData("""{"type":"ping"} x""", null)]
    [InlineData("""{"type":"ping",}""", null)]
    [InlineData("""{'type':'ping'}""", null)]
    [InlineData("""[1,2""", null)]
    [InlineData("""{"ref":"r7","type":"message","content":"x" """, "r7")]
    [InlineData("""{"ref":"r7","data":{"a":[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]}}""", "r7")]
    public void What_is_not_JSON_or_too_deep_is_invalid_json_and_keeps_the_ref_that_was_read(string json, string? reference)
    {
        Assert.Equal(new FrameReading(null, reference, ErrorCode.InvalidJson), Read(json));
    }

    [Fact]
    public void Nesting_up_to_the_limit_is_read()
    {
        Accept<PingCommand>($$"""{"type":"ping","a":{{new string('[', 15)}}{{new string(']', 15)}}}""");
    }

    [Theory]
    [InlineData("dance")]
    [InlineData("Ping")]
    [InlineData("message_shred")]
    public void An_unknown_type_is_refused_with_its_ref(string type)
    {
        Assert.Equal(new FrameReading(null, "r", ErrorCode.UnknownType), Read($$"""{"type":"{{type}}","ref":"r"}"""));
    }

    [Theory]
    [InlineData("[]", "a frame is a JSON object")]
    [InlineData("\"ping\"", "a frame is a JSON object")]
    [InlineData("""{}""", "type is required")]
    [InlineData("""{"type":null}""", "type is required")]
    [InlineData("""{"type":7}""", "type must be a string")]
    [InlineData("""{"type":"ping","data":[]}""", "data must be an object")]
    [InlineData("""{"type":"ping","ref":{}}""", "ref must be a string or an integer")]
    [InlineData("""{"type":"ping","ref":"12345678901234567890123456789012345678901234567890123456789012345"}""", "ref must have 1 to 64 characters")]
    [InlineData("""{"type":"message"}""", "content is required")]
    [InlineData("""{"type":"message","content":5}""", "content must be a string")]
    [InlineData("""{"type":"message","content":"\ud800"}""", "content must be text without U+0000 and halves of characters")]
    [InlineData("""{"type":"message","content":"a\u0000b"}""", "content must be text without U+0000 and halves of characters")]
    [InlineData("""{"type":"message","content":"x","client_msg_id":""}""", "client_msg_id must have 1 to 64 characters")]
    [InlineData("""{"type":"message","content":"x","client_msg_id":1.5e3}""", "client_msg_id must be a string or an integer")]
    [InlineData("""{"type":"message","content":"x","reply_to":true}""", "reply_to must be a string or an integer")]
    [InlineData("""{"type":"message","content":"x","metadata":[]}""", "metadata must be an object")]
    [InlineData("""{"type":"join","room_id":""}""", "room_id must have 1 to 128 characters")]
    [InlineData("""{"type":"join","room_id":"."}""", "room_id must be 1 to 128 characters of A-Z a-z 0-9 _ - : . and not . or ..")]
    [InlineData("""{"type":"message","room_id":"..","content":"x"}""", "room_id must be 1 to 128 characters of A-Z a-z 0-9 _ - : . and not . or ..")]
    [InlineData("""{"type":"join","room_id":"a b"}""", "room_id must be 1 to 128 characters of A-Z a-z 0-9 _ - : . and not . or ..")]
    [InlineData("""{"type":"join","room_id":"ñ"}""", "room_id must be 1 to 128 characters of A-Z a-z 0-9 _ - : . and not . or ..")]
    [InlineData("""{"type":"join","room_id":{}}""", "room_id must be a string or an integer")]
    [InlineData("""{"type":"join","since":5}""", "since must be an object with epoch, a string, and seq, an integer from 0, below 2^53")]
    [InlineData("""{"type":"join","since":{"seq":5}}""", "since must be an object with epoch, a string, and seq, an integer from 0, below 2^53")]
    [InlineData("""{"type":"join","since":{"epoch":"e","seq":"5"}}""", "since must be an object with epoch, a string, and seq, an integer from 0, below 2^53")]
    [InlineData("""{"type":"join","since":{"epoch":"e","seq":-1}}""", "since must be an object with epoch, a string, and seq, an integer from 0, below 2^53")]
    [InlineData("""{"type":"join","since":{"epoch":"e","seq":9007199254740992}}""", "since must be an object with epoch, a string, and seq, an integer from 0, below 2^53")]
    [InlineData("""{"type":"join","history":101}""", "history must be an integer, 0 to 100")]
    [InlineData("""{"type":"join","history":-1}""", "history must be an integer, 0 to 100")]
    [InlineData("""{"type":"history","limit":0}""", "limit must be an integer, 1 to 100")]
    [InlineData("""{"type":"history","limit":"5"}""", "limit must be an integer, 1 to 100")]
    [InlineData("""{"type":"history","limit":1.5}""", "limit must be an integer, 1 to 100")]
    [InlineData("""{"type":"history","before_seq":99999999999999999999}""", "before_seq must be an integer from 1, below 2^53")]
    [InlineData("""{"type":"history","before_seq":1,"after_seq":1}""", "before_seq and after_seq exclude each other")]
    [InlineData("""{"type":"typing"}""", "is_typing must be true or false")]
    [InlineData("""{"type":"typing","is_typing":"yes"}""", "is_typing must be true or false")]
    [InlineData("""{"type":"auth"}""", "token is required")]
    [InlineData("""{"type":"auth","token":""}""", "token must have 1 to 16384 characters")]
    public void A_wrong_field_is_named(string json, string detail)
    {
        Assert.Equal(new FrameReading(null, null, ErrorCode.BadRequest, detail), Read(json));
    }

    [Fact]
    public void The_ref_comes_back_with_a_wrong_field()
    {
        Assert.Equal("r1", Read("""{"type":"typing","ref":"r1"}""").Ref);
    }

    [Fact]
    public void A_room_id_has_at_most_128_characters()
    {
        Assert.Equal(new string('r', 128), Accept<LeaveCommand>($$"""{"type":"leave","room_id":"{{new string('r', 128)}}"}""").RoomId);
        Assert.Null(Read($$"""{"type":"leave","room_id":"{{new string('r', 129)}}"}""").Command);
    }

    [Theory]
    [InlineData("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0")]
    [InlineData("00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01")]
    [InlineData("hola")]
    public void A_traceparent_that_is_none_is_as_if_it_were_not_there(string traceparent)
    {
        Assert.Null(Accept<PingCommand>($$"""{"type":"ping","traceparent":"{{traceparent}}"}""").Traceparent);
    }

    private static T Accept<T>(string json)
        where T : ClientCommand
    {
        var reading = Read(json);
        Assert.True(reading.Command is not null, $"{reading.Error} {reading.Detail}");
        return Assert.IsType<T>(reading.Command);
    }

    private static FrameReading Read(string json) => Reader.Read(Encoding.UTF8.GetBytes(json));
}
