using System.Text.Json;
using Tertulia.Connections.Events;
using Tertulia.Contracts;

namespace Tertulia.Connections.Doors.Native;

/// <summary>The fields that client frames know.</summary>
internal enum Field
{
    Type,
    Ref,
    Traceparent,
    Data,
    RoomId,
    Content,
    ClientMsgId,
    ReplyTo,
    Metadata,
    IsTyping,
    Since,
    History,
    BeforeSeq,
    AfterSeq,
    Limit,
    Token,
    Unknown,
}

/// <summary>Where a field's value lies in the message.</summary>
internal readonly record struct FieldValue(JsonTokenType Kind, int Start, int Length);

/// <summary>The fields of one message: first found, then, when the type is known, read. The first complaint is kept.</summary>
/// <param name="utf8">The message.</param>
/// <param name="slots"><see cref="Count"/> empty places.</param>
internal ref partial struct FrameFields(ReadOnlySpan<byte> utf8, Span<FieldValue> slots)
{
    public const int Count = (int)Field.Unknown;

    /// <summary>The largest seq: what a JavaScript number holds exactly.</summary>
    public const long MaxSeq = PositionFormat.MaxSeq;

    private const int MaxCursorChars = 19;
    private const int MaxWordChars = 64;
    private const int TraceparentChars = 55; // https://www.w3.org/TR/trace-context/#traceparent-header, version 00.

    private static readonly string[] Names =
    [
        "type", "ref", "traceparent", "data", "room_id", "content", "client_msg_id", "reply_to", "metadata", "is_typing", "since", "history",
        "before_seq", "after_seq", "limit", "token",
    ];

    private static readonly byte[][] Utf8Names = [.. Names.Select(System.Text.Encoding.UTF8.GetBytes)];

    private readonly ReadOnlySpan<byte> _utf8 = utf8;
    private readonly Span<FieldValue> _slots = slots;

    /// <summary>What is wrong, for a developer; null so far.</summary>
    public string? Error { get; private set; }

    /// <summary>Finds the fields. Those before a syntax error are found.</summary>
    /// <exception cref="JsonException">Not JSON, or too deep.</exception>
    public void Scan()
    {
        var reader = new Utf8JsonReader(_utf8, new JsonReaderOptions { MaxDepth = FrameReader.MaxDepth });
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            reader.Read(); // Something after it is a syntax error before it is the wrong kind.
            Complain("a frame is a JSON object");
            return;
        }

        ScanObject(ref reader, nested: false);
        reader.Read();
        if (Of(Field.Data).Kind is not (JsonTokenType.None or JsonTokenType.Null or JsonTokenType.StartObject))
        {
            Complain("data must be an object");
        }
    }

    /// <summary>Text; null when absent.</summary>
    public string? Text(Field field, int maxChars, bool mayBeEmpty = false) => Text(Name(field), Of(field), maxChars, mayBeEmpty);

    /// <summary>Text of a field that only one type of frame knows; null when absent.</summary>
    public string? Text(string name, int maxChars) => Text(name, Find(name), maxChars, mayBeEmpty: false);

    /// <summary>Text of a field that only one type of frame knows, which may be empty; null when absent.</summary>
    public string? TextOrEmpty(string name, int maxChars) => Text(name, Find(name), maxChars, mayBeEmpty: true);

    /// <summary>An integer in a field that only one type of frame knows; null when absent.</summary>
    public int? Integer(string name, int min, int max)
    {
        var value = Find(name);
        if (value.Kind is JsonTokenType.None or JsonTokenType.Null)
        {
            return null;
        }

        if (TryInteger(value, min, max, out var number))
        {
            return (int)number;
        }

        Complain($"{name} must be an integer, {min} to {max}");
        return null;
    }

    /// <summary>A boolean in a field that only one type of frame knows; null when absent.</summary>
    public bool? Boolean(string name)
    {
        var kind = Find(name).Kind;
        if (kind is not (JsonTokenType.None or JsonTokenType.Null or JsonTokenType.True or JsonTokenType.False))
        {
            Complain($"{name} must be true or false");
        }

        return kind is JsonTokenType.None or JsonTokenType.Null ? null : kind == JsonTokenType.True;
    }

    /// <summary>One of some words in a field that only one type of frame knows; null when absent.</summary>
    public string? Word(string name, params ReadOnlySpan<string> words)
    {
        var word = Text(name, MaxWordChars);
        return word is null || words.Contains(word) ? word : Complain<string>($"{name} must be one of {string.Join(", ", words!)}");
    }

    /// <summary>An id: text, or an integer, which is taken as its digits; null when absent.</summary>
    public string? Id(Field field, int maxChars) => Id(Name(field), Of(field), maxChars);

    /// <summary>As <see cref="Id(Field, int)"/>, of a field that few types of frames know.</summary>
    public string? Id(string name, int maxChars) => Id(name, Find(name), maxChars);

    /// <summary>A room id; null when absent.</summary>
    public string? RoomId()
    {
        var roomId = Id(Field.RoomId, RoomIdFormat.MaxChars);
        return roomId is null || RoomIdFormat.IsValid(roomId)
            ? roomId
            : Complain<string>(RoomIdFormat.Rule);
    }

    /// <summary>An integer; null when absent.</summary>
    public long? Integer(Field field, long min, long max, Field? notWith = null)
    {
        var value = Of(field);
        if (value.Kind is JsonTokenType.None or JsonTokenType.Null)
        {
            return null;
        }

        if (notWith is { } other && Of(other).Kind is not (JsonTokenType.None or JsonTokenType.Null))
        {
            Complain($"{Name(other)} and {Name(field)} exclude each other");
        }

        return Integer(Name(field), value, min, max);
    }

    /// <summary>An integer of a field that few types of frames know; null when absent.</summary>
    public long? Integer(string name, long min, long max)
    {
        var value = Find(name);
        return value.Kind is JsonTokenType.None or JsonTokenType.Null ? null : Integer(name, value, min, max);
    }

    /// <summary>An integer of a field that only few types of frames know, which must be there.</summary>
    public long RequiredInteger(string name, long min, long max)
    {
        if (!TryInteger(Find(name), min, max, out var number))
        {
            Complain($"{name} must be an integer from {min}{(max == MaxSeq ? ", below 2^53" : $" to {max}")}");
        }

        return number;
    }

    /// <summary>Where a page of a search ended: digits, because they may be more than a JavaScript number holds; null when absent.</summary>
    public long? Cursor()
    {
        var text = Id("cursor", MaxCursorChars);
        return text is null ? null
            : long.TryParse(text, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var cursor) && cursor > 0 ? cursor
            : ComplainOfCursor();
    }

    /// <summary>A boolean, which must be there.</summary>
    public bool Boolean(Field field)
    {
        var kind = Of(field).Kind;
        if (kind is not (JsonTokenType.True or JsonTokenType.False))
        {
            Complain($"{Name(field)} must be true or false");
        }

        return kind == JsonTokenType.True;
    }

    /// <summary>Any JSON of a field that few types of frames know, copied as it was sent; empty when absent.</summary>
    public ReadOnlyMemory<byte> Json(string name)
    {
        var value = Find(name);
        return value.Kind == JsonTokenType.None ? default : Raw(value).ToArray();
    }

    /// <summary>An object, copied as it was sent; empty when absent.</summary>
    public ReadOnlyMemory<byte> JsonObject(Field field)
    {
        var value = Of(field);
        switch (value.Kind)
        {
            case JsonTokenType.None or JsonTokenType.Null:
                return default;
            case JsonTokenType.StartObject:
                return Raw(value).ToArray();
            default:
                Complain($"{Name(field)} must be an object");
                return default;
        }
    }

    /// <summary><c>since</c>; null when absent.</summary>
    public Position? Since(int maxEpochChars)
    {
        var value = Of(Field.Since);
        if (value.Kind is JsonTokenType.None or JsonTokenType.Null)
        {
            return null;
        }

        const string Rule = "since must be an object with epoch, a string, and seq, an integer from 0, below 2^53";
        if (value.Kind != JsonTokenType.StartObject)
        {
            return Complain<Position>(Rule);
        }

        var reader = new Utf8JsonReader(Raw(value));
        reader.Read();
        var (epoch, seq) = (default(FieldValue), default(FieldValue));
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var (isEpoch, isSeq) = (reader.ValueTextEquals("epoch"u8), reader.ValueTextEquals("seq"u8));
            var found = Skip(ref reader, value.Start);
            (epoch, seq) = (isEpoch ? found : epoch, isSeq ? found : seq);
        }

        return epoch.Kind == JsonTokenType.String && Decode(epoch) is { } text && text.Length <= maxEpochChars && TryInteger(seq, 0, MaxSeq, out var number)
            ? new Position { Epoch = text, Seq = number }
            : Complain<Position>(Rule);
    }

    /// <summary><c>traceparent</c>; null when absent or not of version 00: then it is as if it were not there (W3C Trace Context, 3.2.2).</summary>
    public string? Traceparent()
    {
        var value = Of(Field.Traceparent);
        return value.Kind == JsonTokenType.String && value.Length == TraceparentChars + 2
            && System.Diagnostics.ActivityContext.TryParse(Decode(value), null, out _)
            ? Decode(value)
            : null;
    }

    /// <summary>Complains when a field that is needed is absent.</summary>
    public string? Required(Field field, string? value) => Required(Name(field), value);

    /// <inheritdoc cref="Required(Field, string?)"/>
    public string? Required(string name, string? value)
    {
        if (value is null)
        {
            Complain($"{name} is required");
        }

        return value;
    }

    private string? Text(string name, FieldValue value, int maxChars, bool mayBeEmpty) => value.Kind switch
    {
        JsonTokenType.None or JsonTokenType.Null => null,
        JsonTokenType.String => Checked(name, Decode(value), maxChars, mayBeEmpty),
        _ => Complain<string>($"{name} must be a string"),
    };

    private string? Id(string name, FieldValue value, int maxChars)
    {
        if (value.Kind == JsonTokenType.Number)
        {
            var digits = Raw(value);
            return digits.ContainsAny("eE."u8)
                ? Complain<string>($"{name} must be a string or an integer")
                : Checked(name, System.Text.Encoding.ASCII.GetString(digits), maxChars, mayBeEmpty: false);
        }

        return value.Kind is JsonTokenType.None or JsonTokenType.Null or JsonTokenType.String
            ? Text(name, value, maxChars, mayBeEmpty: false)
            : Complain<string>($"{name} must be a string or an integer");
    }

    private long? Integer(string name, FieldValue value, long min, long max)
    {
        if (TryInteger(value, min, max, out var number))
        {
            return number;
        }

        Complain(max == MaxSeq ? $"{name} must be an integer from {min}, below 2^53" : $"{name} must be an integer, {min} to {max}");
        return null;
    }

    private void ScanObject(ref Utf8JsonReader reader, bool nested)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var field = FieldOf(ref reader);
            if (nested && field is Field.Type or Field.Ref or Field.Traceparent or Field.Data)
            {
                field = Field.Unknown; // Of the envelope only.
            }

            if (field == Field.Data)
            {
                reader.Read();
                var start = (int)reader.TokenStartIndex;
                var kind = reader.TokenType;
                if (kind == JsonTokenType.StartObject)
                {
                    ScanObject(ref reader, nested: true);
                }

                reader.Skip();
                _slots[(int)field] = new FieldValue(kind, start, (int)reader.BytesConsumed - start);
                continue;
            }

            var value = Skip(ref reader, offset: 0);
            if (field != Field.Unknown)
            {
                _slots[(int)field] = value;
            }
        }
    }

    // Reads the message once more: such fields are rare, and only their own type of frame looks for them.
    private readonly FieldValue Find(string name)
    {
        var found = default(FieldValue);
        var reader = new Utf8JsonReader(_utf8, new JsonReaderOptions { MaxDepth = FrameReader.MaxDepth });
        reader.Read();
        while (reader.Read())
        {
            if (reader.TokenType == JsonTokenType.PropertyName)
            {
                var (isData, isWanted) = (reader.CurrentDepth == 1 && FieldOf(ref reader) == Field.Data, FieldOf(ref reader) == Field.Unknown && !HasHalf(ref reader) && reader.ValueTextEquals(name));
                if (!isData)
                {
                    var value = Skip(ref reader, offset: 0);
                    found = isWanted ? value : found;
                }
            }
        }

        return found;
    }

    private static bool HasHalf(ref Utf8JsonReader reader) =>
        reader.ValueIsEscaped && (reader.ValueSpan.IndexOf("\\ud"u8) >= 0 || reader.ValueSpan.IndexOf("\\uD"u8) >= 0);

    private static FieldValue Skip(ref Utf8JsonReader reader, int offset)
    {
        reader.Read();
        var (kind, start) = (reader.TokenType, (int)reader.TokenStartIndex);
        reader.Skip();
        return new FieldValue(kind, offset + start, (int)reader.BytesConsumed - start);
    }

    private static Field FieldOf(ref Utf8JsonReader reader)
    {
        // A name with an escaped surrogate is none of ours, and half of a pair could not be compared.
        if (HasHalf(ref reader))
        {
            return Field.Unknown;
        }

        for (var i = 0; i < Utf8Names.Length; i++)
        {
            if (reader.ValueTextEquals(Utf8Names[i]))
            {
                return (Field)i;
            }
        }

        return Field.Unknown;
    }

    private static string Name(Field field) => Names[(int)field];

    private readonly FieldValue Of(Field field) => _slots[(int)field];

    private readonly ReadOnlySpan<byte> Raw(FieldValue value) => _utf8.Slice(value.Start, value.Length);

    /// <returns>Null when it is not text: an escape may stand for half of a character.</returns>
    private readonly string? Decode(FieldValue value)
    {
        var reader = new Utf8JsonReader(Raw(value));
        reader.Read();
        try
        {
            return reader.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private readonly bool TryInteger(FieldValue value, long min, long max, out long number)
    {
        number = 0;
        if (value.Kind != JsonTokenType.Number)
        {
            return false;
        }

        var reader = new Utf8JsonReader(Raw(value));
        reader.Read();
        return reader.TryGetInt64(out number) && number >= min && number <= max;
    }

    private string? Checked(string name, string? text, int maxChars, bool mayBeEmpty)
    {
        // U+0000 is a character that not every store can hold.
        if (text is null || text.Contains('\0', StringComparison.Ordinal))
        {
            return Complain<string>($"{name} must be text without U+0000 and halves of characters");
        }

        return text.Length > maxChars || (text.Length == 0 && !mayBeEmpty)
            ? Complain<string>($"{name} must have 1 to {maxChars} characters")
            : text;
    }

    private long? ComplainOfCursor()
    {
        Complain("cursor must be what a page of a search gave");
        return null;
    }

    private void Complain(string error) => Error ??= error;

    private T? Complain<T>(string error)
        where T : class
    {
        Complain(error);
        return null;
    }
}
