using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Support;

/// <summary>A client as the session flow sees one: commands go in, and come out of a real outbox.</summary>
internal sealed class TestClient : IAsyncDisposable
{
    private readonly ISessionFlow _flow;
    private bool _gone;

    public TestClient(ISessionFlow flow, SessionOpening opening, TimeProvider time, OutboxOptions? options = null, IWireFormat? format = null)
    {
        _flow = flow;
        var outbox = new Outbox(new StreamWire(Stream, () => { }, format ?? RawEvent.Format), options ?? new OutboxOptions(), time);
        Session = new Session(Guid.NewGuid().ToString("N"), opening, outbox);
    }

    public ClientStream Stream { get; } = new();

    public Session Session { get; }

    public static Caller User(string name, DateTimeOffset? expiresAt = null) => new(name, name, "user", null, null, expiresAt, null);

    public async Task OpenAsync() => await _flow.OpenedAsync(Session, CancellationToken.None);

    public async Task SendAsync(ClientCommand command)
    {
        Session.Heard();
        await _flow.OnCommandAsync(Session, command, CancellationToken.None);
    }

    public Task JoinAsync(string roomId, Position? since = null, string? reference = null) =>
        SendAsync(new JoinCommand { RoomId = roomId, Since = since, Ref = reference });

    public Task SayAsync(string roomId, string content, string? clientMsgId = null, string? reference = null) =>
        SendAsync(new MessageCommand { RoomId = roomId, Content = content, ClientMsgId = clientMsgId, Ref = reference });

    public Task TypeAsync(string roomId, bool isTyping) =>
        SendAsync(new TypingCommand { RoomId = roomId, IsTyping = isTyping });

    /// <summary>The next frame.</summary>
    public async Task<Frame> NextAsync(string what = "the next frame") =>
        await Eventually.CompletesAsync(Stream.Frames.ReadAsync().AsTask(), what);

    /// <summary>The next frame, which must be of this type.</summary>
    public async Task<Frame> NextAsync(string type, string what)
    {
        var frame = await NextAsync(what);
        Assert.Equal(type, frame.Type);
        return frame;
    }

    /// <summary>Contents of the next frames, all of which must be messages.</summary>
    public async Task<string[]> MessagesAsync(int count)
    {
        var contents = new string[count];
        for (var index = 0; index < count; index++)
        {
            contents[index] = (await NextAsync("message", $"message {index + 1} of {count}")).Text("content");
        }

        return contents;
    }

    /// <summary>Nothing came that was not read: a ping goes through the same outbox.</summary>
    public async Task HasNothingMoreAsync()
    {
        await SendAsync(new PingCommand { Ref = "nothing more" });
        Assert.Equal("nothing more", (await NextAsync("pong")).Ref);
    }

    /// <summary>The socket is gone.</summary>
    public async Task GoAsync()
    {
        if (!_gone)
        {
            _gone = true;
            Stream.Resume();
            Session.Outbox.End();
            await Session.Outbox.WhenEndedAsync();
            await _flow.ClosedAsync(Session);
        }
    }

    public async ValueTask DisposeAsync() => await GoAsync();
}
