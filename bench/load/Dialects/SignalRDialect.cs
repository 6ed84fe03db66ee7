using Tertulia.Load.Traffic;

namespace Tertulia.Load.Dialects;

/// <summary>SignalR's JSON hub protocol, WebSocket without negotiation; each record ends with 0x1E.</summary>
internal sealed class SignalRDialect : Dialect
{
    private const byte End = 0x1E;

    public override string Target(ChatClient client) => $"/rooms?user_id=user-{client.Number}&username=User%20{client.Number}";

    public override void OnOpen(ChatClient client) => client.SendText("{\"protocol\":\"json\",\"version\":1}\u001e"u8);

    public override void OnText(ChatClient client, ReadOnlySpan<byte> payload)
    {
        while (payload.IndexOf(End) is var end and >= 0)
        {
            OnRecord(client, payload[..end]);
            payload = payload[(end + 1)..];
        }
    }

    public override void SendMessage(ChatClient client, int number, ReadOnlySpan<byte> text)
    {
        Span<byte> frame = stackalloc byte[MaxAround + text.Length];
        var rest = frame;
        Put(ref rest, "{\"type\":1,\"target\":\"SendMessage\",\"arguments\":[\""u8);
        Put(ref rest, client.Room.Name);
        Put(ref rest, "\",\""u8);
        Put(ref rest, text);
        Put(ref rest, "\"]}\u001e"u8);
        client.SendText(frame[..^rest.Length]);
    }

    // The server closes a client of which it heard nothing for 30 seconds.
    public override void KeepAlive(ChatClient client) => client.SendText("{\"type\":6}\u001e"u8);

    private static void OnRecord(ChatClient client, ReadOnlySpan<byte> record)
    {
        if (record.StartsWith("{\"type\":1,"u8)) // invocation
        {
            client.OnMessage(record, seq: 0);
        }
        else if (record.SequenceEqual("{}"u8)) // handshake accepted
        {
            Join(client);
        }
        else if (record.StartsWith("{\"type\":3,"u8) && record.IndexOf("\"error\""u8) < 0) // completion; only the join asks for one
        {
            client.OnJoined();
        }
        else if (!record.StartsWith("{\"type\":6"u8)) // ping
        {
            client.OnError(record);
        }
    }

    private static void Join(ChatClient client)
    {
        Span<byte> frame = stackalloc byte[MaxAround];
        var rest = frame;
        Put(ref rest, "{\"type\":1,\"invocationId\":\"1\",\"target\":\"JoinRoom\",\"arguments\":[\""u8);
        Put(ref rest, client.Room.Name);
        Put(ref rest, "\"]}\u001e"u8);
        client.SendText(frame[..^rest.Length]);
    }
}
