using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;

namespace Tertulia.Connections.Doors.Native;

/// <summary>Every client frame of PROTOCOL §3.</summary>
internal static class FrameTypes
{
    private const int MaxHistory = 100;
    private const int MaxIdChars = 64;
    private const int MaxQueryChars = 256;
    private const int MaxUserChars = 256;
    private const int MaxEmojiChars = 32;
    private const int MaxTokenChars = 16 * 1024;

    /// <summary>Those that there are without further verbs.</summary>
    public static IReadOnlyList<FrameType> All { get; } =
    [
        new("message", static (ref FrameFields fields) => new MessageCommand
        {
            RoomId = fields.RoomId(),
            Content = fields.Required(Field.Content, fields.Text(Field.Content, int.MaxValue, mayBeEmpty: true)),
            ClientMsgId = fields.Id(Field.ClientMsgId, MaxIdChars),
            ReplyTo = fields.Id(Field.ReplyTo, MaxIdChars),
            Metadata = fields.JsonObject(Field.Metadata),
        }),
        new("message_edit", static (ref FrameFields fields) => new EditCommand
        {
            RoomId = fields.RoomId(),
            MessageId = MessageId(ref fields),
            Content = fields.Required(Field.Content, fields.Text(Field.Content, int.MaxValue, mayBeEmpty: true)),
            Version = fields.Integer("version", 1, uint.MaxValue),
        }),
        new("message_delete", static (ref FrameFields fields) => new DeleteCommand { RoomId = fields.RoomId(), MessageId = MessageId(ref fields) }),
        new("reaction_add", static (ref FrameFields fields) => ReadReaction(ref fields, removes: false)),
        new("reaction_remove", static (ref FrameFields fields) => ReadReaction(ref fields, removes: true)),
        new("pin", static (ref FrameFields fields) => new PinCommand { RoomId = fields.RoomId(), MessageId = MessageId(ref fields) }),
        new("unpin", static (ref FrameFields fields) => new PinCommand { RoomId = fields.RoomId(), MessageId = MessageId(ref fields), Unpins = true }),
        new("pins", static (ref FrameFields fields) => new PinsCommand
        {
            RoomId = fields.RoomId(),
            BeforeSeq = fields.Integer(Field.BeforeSeq, 1, FrameFields.MaxSeq),
            Limit = (int?)fields.Integer(Field.Limit, 1, MaxHistory),
        }),
        new("thread", static (ref FrameFields fields) => new ThreadCommand
        {
            RoomId = fields.RoomId(),
            RootId = fields.Required("root_id", fields.Id("root_id", MaxIdChars)),
            BeforeSeq = fields.Integer(Field.BeforeSeq, 1, FrameFields.MaxSeq),
            AfterSeq = fields.Integer(Field.AfterSeq, 0, FrameFields.MaxSeq, notWith: Field.BeforeSeq),
            Limit = (int?)fields.Integer(Field.Limit, 1, MaxHistory),
        }),
        new("broadcast", static (ref FrameFields fields) => new BroadcastCommand
        {
            RoomId = fields.RoomId(),
            Event = fields.Required("event", fields.Text("event", MaxIdChars)),
            Payload = fields.Json("payload"),
        }),
        new("typing", static (ref FrameFields fields) => new TypingCommand { RoomId = fields.RoomId(), IsTyping = fields.Boolean(Field.IsTyping) }),
        new("join", static (ref FrameFields fields) => new JoinCommand
        {
            RoomId = fields.RoomId(),
            Since = fields.Since(PositionFormat.MaxEpochChars),
            History = (int?)fields.Integer(Field.History, 0, MaxHistory),
        }),
        new("leave", static (ref FrameFields fields) => new LeaveCommand { RoomId = fields.RoomId() }),
        new("history", static (ref FrameFields fields) => new HistoryCommand
        {
            RoomId = fields.RoomId(),
            BeforeSeq = fields.Integer(Field.BeforeSeq, 1, FrameFields.MaxSeq),
            AfterSeq = fields.Integer(Field.AfterSeq, 0, FrameFields.MaxSeq, notWith: Field.BeforeSeq),
            AroundMessageId = fields.Id("around_message_id", MaxIdChars),
            Limit = (int?)fields.Integer(Field.Limit, 1, MaxHistory),
        }),
        new("search", static (ref FrameFields fields) => new SearchCommand
        {
            Query = fields.TextOrEmpty("query", MaxQueryChars) ?? "",
            RoomId = fields.RoomId(),
            From = fields.Id("from", MaxUserChars),
            BeforeSeq = fields.Integer(Field.BeforeSeq, 1, FrameFields.MaxSeq),
            Cursor = fields.Cursor(),
            Limit = (int?)fields.Integer(Field.Limit, 1, MaxHistory),
        }),
        new("read", static (ref FrameFields fields) => new ReadCommand
        {
            RoomId = fields.RoomId(), Seq = fields.RequiredInteger("seq", 0, FrameFields.MaxSeq), ThreadRoot = fields.Id("thread_root", MaxIdChars),
        }),
        new("mark_unread", static (ref FrameFields fields) => new ReadCommand
        {
            RoomId = fields.RoomId(), Seq = fields.RequiredInteger("seq", 1, FrameFields.MaxSeq), IsExact = true,
        }),
        .. RoomFrames.Types,
        .. RoomListFrames.Types,
        new("ping", static (ref FrameFields _) => new PingCommand()),
        new("auth", ReadToken),
        new("auth_refresh", ReadToken),
        .. PresenceFrames.Types,
        .. NotificationFrames.Types,
        .. ThreadFrames.Types,
    ];

    private static ReactCommand ReadReaction(ref FrameFields fields, bool removes) => new()
    {
        RoomId = fields.RoomId(),
        MessageId = MessageId(ref fields),
        Emoji = fields.Required("emoji", fields.Text("emoji", MaxEmojiChars)),
        Removes = removes,
    };

    private static string? MessageId(ref FrameFields fields) => fields.Required("message_id", fields.Id("message_id", MaxIdChars));

    private static AuthCommand ReadToken(ref FrameFields fields) =>
        new() { Token = fields.Required(Field.Token, fields.Text(Field.Token, MaxTokenChars)) };
}
