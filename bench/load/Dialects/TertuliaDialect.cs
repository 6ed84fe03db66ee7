using System.Buffers.Text;
using Tertulia.Load.Traffic;

namespace Tertulia.Load.Dialects;

/// <summary>Plain WebSocket frames with a Development identity: one room, joined on connect.</summary>
internal sealed class TertuliaDialect : Dialect
{
    private const int NumberDigits = 8;

    // How far into a frame its type stands at the latest.
    private const int TypeWithin = 64;

    public override string Target(ChatClient client) => $"/ws/{client.Room.Name}?user_id=user-{client.Number}&username=User%20{client.Number}";

    public override void OnOpen(ChatClient client)
    {
        // The join belongs to the connect.
    }

    public override void OnText(ChatClient client, ReadOnlySpan<byte> payload)
    {
        var head = payload[..Math.Min(payload.Length, TypeWithin)];
        if (head.IndexOf("\"type\":\"message\""u8) >= 0)
        {
            client.OnMessage(payload, ReadSeq(payload));
        }
        else if (head.IndexOf("\"type\":\"message_sent\""u8) >= 0)
        {
            var key = "\"client_msg_id\":\"n"u8;
            var start = payload.IndexOf(key);
            if (start >= 0)
            {
                client.OnAcknowledged((int)Stamp.ReadHex(payload.Slice(start + key.Length, NumberDigits)));
            }
        }
        else if (head.IndexOf("\"type\":\"connected\""u8) >= 0)
        {
            client.OnJoined();
        }
        else if (head.IndexOf("\"type\":\"error\""u8) >= 0 || head.IndexOf("\"type\":\"gap\""u8) >= 0)
        {
            client.OnError(payload);
        }
    }

    public override void SendMessage(ChatClient client, int number, ReadOnlySpan<byte> text)
    {
        Span<byte> frame = stackalloc byte[MaxAround + text.Length];
        Span<byte> id = stackalloc byte[NumberDigits];
        Stamp.WriteHex(id, number);
        var rest = frame;
        Put(ref rest, "{\"type\":\"message\",\"client_msg_id\":\"n"u8);
        Put(ref rest, id);
        Put(ref rest, "\",\"content\":\""u8);
        Put(ref rest, text);
        Put(ref rest, "\"}"u8);
        client.SendText(frame[..^rest.Length]);
    }

    private static long ReadSeq(ReadOnlySpan<byte> payload)
    {
        var key = "\"seq\":"u8;
        var start = payload.IndexOf(key);
        return start >= 0 && Utf8Parser.TryParse(payload[(start + key.Length)..], out long seq, out _) ? seq : -1;
    }
}
