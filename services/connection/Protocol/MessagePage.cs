using System.Buffers;
using System.Text.Json;
using Tertulia.Contracts;

namespace Tertulia.Connections.Protocol;

/// <summary>As many messages of a page as fit into a frame, encoded. One per thread, used again.</summary>
internal sealed class MessagePage
{
    [ThreadStatic] private static MessagePage? _threadPage;

    private readonly ArrayBufferWriter<byte> _buffer = new(16 * 1024);
    private readonly List<(int Start, int Length)> _messages = [];
    private bool _isReversed;

    /// <summary>Messages that fit.</summary>
    public int Count => _messages.Count;

    /// <summary>Encodes the longest run of messages that fits.</summary>
    /// <param name="messages">All of them, ascending.</param>
    /// <param name="maxBytes">For all; the first is taken whatever its size, or nobody could ever get it.</param>
    /// <param name="fromEnd">The run ends with the last message; else it begins with the first.</param>
    /// <returns>Valid until the next call on this thread.</returns>
    public static MessagePage Encode(IReadOnlyList<Message> messages, int maxBytes, bool fromEnd)
    {
        var page = _threadPage ??= new MessagePage();
        page.Fill(messages, maxBytes, fromEnd);
        return page;
    }

    /// <summary>Writes them as an array, ascending.</summary>
    public void WriteTo(Utf8JsonWriter json, ReadOnlySpan<byte> name)
    {
        json.WriteStartArray(name);
        for (var i = 0; i < _messages.Count; i++)
        {
            var (start, length) = _messages[_isReversed ? _messages.Count - 1 - i : i];
            json.WriteRawValue(_buffer.WrittenSpan.Slice(start, length), skipInputValidation: true);
        }

        json.WriteEndArray();
    }

    private void Fill(IReadOnlyList<Message> messages, int maxBytes, bool fromEnd)
    {
        _buffer.ResetWrittenCount();
        _messages.Clear();
        _isReversed = fromEnd;
        using var json = new Utf8JsonWriter(_buffer, FrameJson.Options);
        for (var i = 0; i < messages.Count; i++)
        {
            var start = _buffer.WrittenCount;
            json.Reset(_buffer);
            json.WriteStartObject();
            FrameJson.WriteMessageFields(json, messages[fromEnd ? messages.Count - 1 - i : i]);
            json.WriteEndObject();
            json.Flush();
            if (i > 0 && _buffer.WrittenCount + i > maxBytes) // A comma before each but the first.
            {
                return;
            }

            _messages.Add((start, _buffer.WrittenCount - start));
        }
    }
}
