using Tertulia.Contracts;

namespace Tertulia.Messages.Flushing;

/// <summary>Upper bounds of encoded sizes, in bytes, without looking at the text: a UTF-16 unit takes three bytes at most.</summary>
internal static class WireSize
{
    // Tags and lengths of all fields of an event with its body, the numbers in it, and the tag and length of the event itself.
    private const int EventFrame = 160;
    private const int RoomFrame = 48;

    public static int AtMost(RoomEvents events)
    {
        var bytes = RoomFrame + Text(events.RoomId) + Text(events.Epoch);
        foreach (var roomEvent in events.Events)
        {
            bytes += AtMost(roomEvent);
        }

        return bytes;
    }

    public static int AtMost(RoomEvent roomEvent) =>
        EventFrame + Text(roomEvent.UserId) + Text(roomEvent.Username) + Text(roomEvent.OriginNodeId) + Text(roomEvent.Traceparent) + Body(roomEvent);

    public static int AtMost(CommandReply reply) => RoomFrame + reply.CalculateSize();

    public static int AtMost(Ephemeral ephemeral) => RoomFrame + ephemeral.CalculateSize();

    public static int AtMost(RoomTopology topology) => RoomFrame + topology.CalculateSize();

    private static int Body(RoomEvent roomEvent) => roomEvent.BodyCase switch
    {
        RoomEvent.BodyOneofCase.Message => Body(roomEvent.Message),
        RoomEvent.BodyOneofCase.Extension => Text(roomEvent.Extension.Verb) + roomEvent.Extension.Body.Length,
        _ => roomEvent.CalculateSize(),
    };

    private static int Body(MessageCreated message) =>
        Text(message.MessageId) + Text(message.ClientMsgId) + Text(message.Content) + Text(message.ReplyTo) + message.Metadata.Length
        + Text(message.ThreadRoot) + Text(message.ReplyToUserId);

    private static int Text(string text) => 3 * text.Length;
}
