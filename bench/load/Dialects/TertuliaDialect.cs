using System.Buffers.Text;
using Tertulia.Load.Traffic;

namespace Tertulia.Load.Dialects;

/// <summary>Plain WebSocket frames with a Development identity: one room, joined on connect.</summary>
internal sealed class TertuliaDialect : Dialect
{
    private const int RoomDigits = 6;
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
            client.OnMessage(payload, ReadNumber(payload, "\"seq\":"u8));
        }
        else if (head.IndexOf("\"type\":\"message_sent\""u8) >= 0)
        {
            if (After(payload, "\"client_msg_id\":\"n"u8) is { Length: > RoomDigits + NumberDigits } id)
            {
                client.In((int)Stamp.ReadHex(id[..RoomDigits])).OnAcknowledged((int)Stamp.ReadHex(id.Slice(RoomDigits, NumberDigits)), payload);
            }
        }
        else if (head.IndexOf("\"type\":\"connected\""u8) >= 0)
        {
            client.OnJoined(ReadNumber(payload, "\"seq\":"u8));
        }
        else if (head.IndexOf("\"type\":\"joined\""u8) >= 0 && After(payload, "\"ref\":\"j"u8) is { Length: > RoomDigits } room)
        {
            client.In((int)Stamp.ReadHex(room[..RoomDigits])).OnJoined(ReadNumber(payload, "\"seq\":"u8));
        }
        else if (head.IndexOf("\"type\":\"gap\""u8) >= 0)
        {
            client.OnGap(payload, ReadNumber(payload, "\"from_seq\":"u8), ReadNumber(payload, "\"to_seq\":"u8));
        }
        else if (head.IndexOf("\"type\":\"error\""u8) >= 0)
        {
            client.OnError(payload);
        }
    }

    public override void SendMessage(ChatClient client, int number, ReadOnlySpan<byte> text)
    {
        Span<byte> frame = stackalloc byte[MaxAround + text.Length];
        Span<byte> id = stackalloc byte[RoomDigits + NumberDigits];
        Stamp.WriteHex(id[..RoomDigits], client.Room.Number);
        Stamp.WriteHex(id[RoomDigits..], number);
        var rest = frame;
        Put(ref rest, "{\"type\":\"message\",\"client_msg_id\":\"n"u8);
        Put(ref rest, id);
        if (client.IsCarried)
        {
            Put(ref rest, "\",\"room_id\":\""u8);
            Put(ref rest, client.Room.Name);
        }

        Put(ref rest, "\",\"content\":\""u8);
        Put(ref rest, text);
        Put(ref rest, "\"}"u8);
        client.SendText(frame[..^rest.Length]);
    }

    public override void JoinFurther(ChatClient client)
    {
        Span<byte> frame = stackalloc byte[MaxAround];
        Span<byte> room = stackalloc byte[RoomDigits];
        Stamp.WriteHex(room, client.Room.Number);
        var rest = frame;
        Put(ref rest, "{\"type\":\"join\",\"ref\":\"j"u8);
        Put(ref rest, room);
        Put(ref rest, "\",\"room_id\":\""u8);
        Put(ref rest, client.Room.Name);
        Put(ref rest, "\"}"u8);
        client.SendText(frame[..^rest.Length]);
    }

    private static long ReadNumber(ReadOnlySpan<byte> payload, ReadOnlySpan<byte> key) =>
        Utf8Parser.TryParse(After(payload, key), out long number, out _) ? number : -1;

    /// <returns>What follows the key; empty when it is not there.</returns>
    private static ReadOnlySpan<byte> After(ReadOnlySpan<byte> payload, ReadOnlySpan<byte> key) =>
        payload.IndexOf(key) is var start and >= 0 ? payload[(start + key.Length)..] : [];
}
