using System.Globalization;
using System.Text.Json;

namespace Tertulia.Connections.Doors.Native;

/// <content>Fields that only one type of frame knows, by name.</content>
internal ref partial struct FrameFields
{
    /// <summary>A boolean; false when absent.</summary>
    public bool Flag(string name)
    {
        var kind = Find(name).Kind;
        if (kind is not (JsonTokenType.None or JsonTokenType.Null or JsonTokenType.True or JsonTokenType.False))
        {
            Complain($"{name} must be true or false");
        }

        return kind == JsonTokenType.True;
    }

    /// <summary>An instant in ISO-8601; without an offset it is UTC. Null when absent.</summary>
    public DateTimeOffset? Time(string name)
    {
        const int MaxChars = 40;
        if (Text(name, MaxChars) is not { } text)
        {
            return null;
        }

        if (char.IsAsciiDigit(text[0])
            && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time))
        {
            return time;
        }

        Complain($"{name} must be a time in ISO-8601, such as 2030-01-31T18:00:00Z");
        return null;
    }

    /// <summary>Ids: texts, or integers, which are taken as their digits; null when absent.</summary>
    public IReadOnlyList<string>? Ids(string name, int maxCount, int maxChars)
    {
        var value = Find(name);
        if (value.Kind is JsonTokenType.None or JsonTokenType.Null)
        {
            return null;
        }

        if (value.Kind != JsonTokenType.StartArray)
        {
            return Complain<IReadOnlyList<string>>($"{name} must be an array of ids");
        }

        var ids = new List<string>();
        var reader = new Utf8JsonReader(Raw(value));
        reader.Read();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            var element = new FieldValue(reader.TokenType, value.Start + (int)reader.TokenStartIndex, (int)(reader.BytesConsumed - reader.TokenStartIndex));
            if (ids.Count == maxCount)
            {
                return Complain<IReadOnlyList<string>>($"{name} must have at most {maxCount} ids");
            }

            if (element.Kind is not (JsonTokenType.String or JsonTokenType.Number) || Id(name, element, maxChars) is not { } id)
            {
                return Complain<IReadOnlyList<string>>($"{name} must be an array of ids");
            }

            ids.Add(id);
        }

        return ids;
    }
}
