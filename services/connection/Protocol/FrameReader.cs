using System.Text.Json;
using Tertulia.Contracts;

namespace Tertulia.Connections.Protocol;

/// <summary>What a text message of a client turned out to be.</summary>
/// <param name="Frame">Null when it is refused.</param>
/// <param name="Ref">Of the message, also when it is refused, if it could be read.</param>
/// <param name="Error">Why it is refused.</param>
/// <param name="Detail">A sentence for a developer that names the field; null for the catalog's own.</param>
internal readonly record struct FrameReading(ClientFrame? Frame, string? Ref, ErrorCode Error = ErrorCode.Unspecified, string? Detail = null);

/// <summary>Reads a client's JSON (PROTOCOL §3), flat or with <c>data</c>. Fields that a frame's type does not use are not looked at; of a field that comes twice
/// the last one counts.</summary>
internal static class FrameReader
{
    /// <summary>Nesting of a frame at most, its own braces included.</summary>
    public const int MaxDepth = 16;

    private const int MaxHistory = 100;
    private const int MaxIdChars = 64;
    private const int MaxEpochChars = 64;
    private const int MaxTokenChars = 16 * 1024;

    /// <summary>Reads one message.</summary>
    /// <param name="utf8">Valid UTF-8; nothing of it is kept.</param>
    public static FrameReading Read(ReadOnlySpan<byte> utf8)
    {
        Span<FieldValue> slots = stackalloc FieldValue[FrameFields.Count];
        slots.Clear();
        var fields = new FrameFields(utf8, slots);
        var broken = false;
        try
        {
            fields.Scan();
        }
        catch (JsonException)
        {
            broken = true;
        }

        var reference = fields.Id(Field.Ref, MaxIdChars);
        if (broken)
        {
            return new FrameReading(null, reference, ErrorCode.InvalidJson);
        }

        var type = fields.Error is null ? fields.Required(Field.Type, fields.Text(Field.Type, MaxIdChars)) : null;
        if (fields.Error is not null)
        {
            return new FrameReading(null, reference, ErrorCode.BadRequest, fields.Error);
        }

        if (TypeOf(type!) is not { } frameType)
        {
            return new FrameReading(null, reference, ErrorCode.UnknownType);
        }

        var frame = ReadFields(ref fields, frameType) with { Ref = reference };
        return fields.Error is null
            ? new FrameReading(frame, reference)
            : new FrameReading(null, reference, ErrorCode.BadRequest, fields.Error);
    }

    private static ClientFrameType? TypeOf(string type) => type switch
    {
        "join" => ClientFrameType.Join,
        "leave" => ClientFrameType.Leave,
        "message" => ClientFrameType.Message,
        "typing" => ClientFrameType.Typing,
        "history" => ClientFrameType.History,
        "ping" => ClientFrameType.Ping,
        "auth" => ClientFrameType.Auth,
        "auth_refresh" => ClientFrameType.AuthRefresh,
        _ => null,
    };

    private static ClientFrame ReadFields(ref FrameFields fields, ClientFrameType type)
    {
        var frame = new ClientFrame(type) { Traceparent = fields.Traceparent() };
        switch (type)
        {
            case ClientFrameType.Ping:
                return frame;
            case ClientFrameType.Auth or ClientFrameType.AuthRefresh:
                return frame with { Token = fields.Required(Field.Token, fields.Text(Field.Token, MaxTokenChars)) };
        }

        frame = frame with { RoomId = fields.RoomId() };
        return type switch
        {
            ClientFrameType.Join => frame with
            {
                Since = fields.Since(MaxEpochChars),
                History = (int?)fields.Integer(Field.History, 0, MaxHistory),
            },
            ClientFrameType.Message => frame with
            {
                Content = fields.Required(Field.Content, fields.Text(Field.Content, int.MaxValue, mayBeEmpty: true)),
                ClientMsgId = fields.Id(Field.ClientMsgId, MaxIdChars),
                ReplyTo = fields.Id(Field.ReplyTo, MaxIdChars),
                Metadata = fields.JsonObject(Field.Metadata),
            },
            ClientFrameType.Typing => frame with { IsTyping = fields.Boolean(Field.IsTyping) },
            ClientFrameType.History => frame with
            {
                BeforeSeq = fields.Integer(Field.BeforeSeq, 1, FrameFields.MaxSeq),
                AfterSeq = fields.Integer(Field.AfterSeq, 0, FrameFields.MaxSeq, notWith: Field.BeforeSeq),
                Limit = (int?)fields.Integer(Field.Limit, 1, MaxHistory),
            },
            _ => frame,
        };
    }
}
