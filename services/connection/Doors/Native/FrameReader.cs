using System.Collections.Frozen;
using System.Text.Json;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;

namespace Tertulia.Connections.Doors.Native;

/// <summary>What a text message of a client turned out to be.</summary>
/// <param name="Command">Null when it is refused.</param>
/// <param name="Ref">Of the message, also when it is refused, if it could be read.</param>
/// <param name="Error">Why it is refused.</param>
/// <param name="Detail">A sentence for a developer that names the field; null for the catalog's own.</param>
internal readonly record struct FrameReading(ClientCommand? Command, string? Ref, ErrorCode Error = ErrorCode.Unspecified, string? Detail = null);

/// <summary>Reads the fields of one type of frame. Complaints go to the fields; <c>ref</c> and <c>traceparent</c> are read for it.</summary>
internal delegate ClientCommand FrameParser(ref FrameFields fields);

/// <summary>One type of client frame.</summary>
/// <param name="Type">As it is on the wire.</param>
/// <param name="Read">Makes the command.</param>
internal sealed record FrameType(string Type, FrameParser Read);

/// <summary>Reads a client's JSON (PROTOCOL §3), flat or with <c>data</c>. Fields that a frame's type does not use are not looked at; of a field that comes twice
/// the last one counts.</summary>
/// <param name="types">All types of frames.</param>
internal sealed class FrameReader(IEnumerable<FrameType> types)
{
    /// <summary>Nesting of a frame at most, its own braces included.</summary>
    public const int MaxDepth = 16;

    private const int MaxIdChars = 64;

    private readonly FrozenDictionary<string, FrameParser> _types = types.ToFrozenDictionary(type => type.Type, type => type.Read, StringComparer.Ordinal);

    /// <summary>Reads one message.</summary>
    /// <param name="utf8">Valid UTF-8; nothing of it is kept.</param>
    /// <param name="knownType">The type, where it is not in the message but in a URL.</param>
    public FrameReading Read(ReadOnlySpan<byte> utf8, string? knownType = null)
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

        var type = knownType ?? (fields.Error is null ? fields.Required(Field.Type, fields.Text(Field.Type, MaxIdChars)) : null);
        if (fields.Error is not null)
        {
            return new FrameReading(null, reference, ErrorCode.BadRequest, fields.Error);
        }

        if (!_types.TryGetValue(type!, out var read))
        {
            return new FrameReading(null, reference, ErrorCode.UnknownType);
        }

        var command = read(ref fields) with { Ref = reference, Traceparent = fields.Traceparent() };
        return fields.Error is null
            ? new FrameReading(command, reference)
            : new FrameReading(null, reference, ErrorCode.BadRequest, fields.Error);
    }
}
