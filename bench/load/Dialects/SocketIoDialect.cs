using Tertulia.Load.Traffic;

namespace Tertulia.Load.Dialects;

/// <summary>Socket.IO protocol 5 over Engine.IO protocol 4, WebSocket transport only.</summary>
internal sealed class SocketIoDialect : Dialect
{
    public override string Target(ChatClient client) =>
        $"/socket.io/?EIO=4&transport=websocket&user_id=user-{client.Number}&username=User%20{client.Number}";

    public override void OnOpen(ChatClient client)
    {
        // The server opens: packet 0.
    }

    public override void OnText(ChatClient client, ReadOnlySpan<byte> payload)
    {
        switch (payload)
        {
            case [(byte)'4', (byte)'2', ..]: // message, event
                client.OnMessage(payload, seq: 0);
                break;
            case [(byte)'2', ..]: // ping
                client.SendText("3"u8);
                break;
            case [(byte)'0', ..]: // open
                client.SendText("40"u8);
                break;
            case [(byte)'4', (byte)'0', ..]: // connected to the namespace
                Join(client);
                break;
            case [(byte)'4', (byte)'3', ..]: // acknowledgement; only the join asks for one
                client.OnJoined();
                break;
            default:
                client.OnError(payload);
                break;
        }
    }

    public override void SendMessage(ChatClient client, int number, ReadOnlySpan<byte> text)
    {
        Span<byte> frame = stackalloc byte[MaxAround + text.Length];
        var rest = frame;
        Put(ref rest, "42[\"message\",{\"room\":\""u8);
        Put(ref rest, client.Room.Name);
        Put(ref rest, "\",\"text\":\""u8);
        Put(ref rest, text);
        Put(ref rest, "\"}]"u8);
        client.SendText(frame[..^rest.Length]);
    }

    private static void Join(ChatClient client)
    {
        Span<byte> frame = stackalloc byte[MaxAround];
        var rest = frame;
        Put(ref rest, "420[\"join-room\",\""u8);
        Put(ref rest, client.Room.Name);
        Put(ref rest, "\"]"u8);
        client.SendText(frame[..^rest.Length]);
    }
}
