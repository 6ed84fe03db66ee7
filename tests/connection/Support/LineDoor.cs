using System.Text;
using System.Threading.Channels;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Support;

/// <summary>Another door: a line of words is a command, an event is a line of words. Its clients have a wire of memory, and may change it.</summary>
internal sealed class LineDoor(ISessionFlow flow, TimeProvider time, params (Type Event, Func<ServerEvent, string> Write)[] more) : IWireFormat
{
    /// <summary>A client comes in.</summary>
    public async Task<LineClient> OpenAsync(string userId)
    {
        var outbox = new Outbox(this, new OutboxOptions(), time);
        var session = new Session(Guid.NewGuid().ToString("N"), new SessionOpening(TestClient.User(userId), null, null, null, null), outbox);
        var client = new LineClient(this, session);
        client.Attach();
        await flow.OpenedAsync(session, CancellationToken.None);
        return client;
    }

    /// <summary>A client says a line.</summary>
    public ValueTask ReadAsync(Session session, string line)
    {
        var words = line.Split(' ', 3);
        ClientCommand command = words[0] switch
        {
            "join" => new JoinCommand { RoomId = words[1] },
            "say" => new MessageCommand { RoomId = words[1], Content = words[2] },
            _ => new PingCommand(),
        };
        return flow.OnCommandAsync(session, command, CancellationToken.None);
    }

    /// <summary>A client is gone.</summary>
    public async Task CloseAsync(Session session)
    {
        session.Outbox.End();
        await flow.ClosedAsync(session);
    }

    public byte[] Encode(ServerEvent serverEvent) => Encoding.UTF8.GetBytes(Write(serverEvent) + "\n");

    private string Write(ServerEvent serverEvent) => serverEvent switch
    {
        MessageEvent live => $"message {live.Entry.Message.MessageId} {live.Entry.Seq} {live.Entry.UserId} {live.Entry.Message.Content}",
        MessageSentEvent sent => $"sent {sent.MessageId} {sent.Seq}",
        JoinedEvent joined => $"joined {joined.Room.RoomId}",
        ErrorEvent error => $"error {error.Code}",
        _ => Array.Find(more, kind => kind.Event == serverEvent.GetType()).Write?.Invoke(serverEvent) ?? serverEvent.GetType().Name,
    };
}

/// <summary>A client of the <see cref="LineDoor"/>.</summary>
internal sealed class LineClient(LineDoor door, Session session)
{
    private readonly Channel<string> _lines = Channel.CreateUnbounded<string>();

    public Session Session => session;

    /// <summary>The session has a wire again.</summary>
    public void Attach() => session.Outbox.Attach(new MemoryWire(door, _lines.Writer));

    /// <summary>The session loses its wire.</summary>
    public Task DetachAsync() => session.Outbox.DetachAsync();

    public ValueTask SayAsync(string line) => door.ReadAsync(session, line);

    /// <summary>The next line that begins with a word.</summary>
    public async Task<string> NextAsync(string word)
    {
        while (true)
        {
            var line = await Eventually.CompletesAsync(_lines.Reader.ReadAsync().AsTask(), $"a line {word}");
            if (line.StartsWith(word + " ", StringComparison.Ordinal))
            {
                return line;
            }
        }
    }

    public Task CloseAsync() => door.CloseAsync(session);

    private sealed class MemoryWire(IWireFormat format, ChannelWriter<string> lines) : IWire
    {
        public IWireFormat Format => format;

        public Link.ISharedWay? Way => null;

        public ValueTask WriteAsync(WriteBatch batch)
        {
            foreach (var line in Encoding.UTF8.GetString(batch.ToBytes().Span).Split('\n', StringSplitOptions.RemoveEmptyEntries))
            {
                lines.TryWrite(line);
            }

            return ValueTask.CompletedTask;
        }

        public void Abort()
        {
        }
    }
}
