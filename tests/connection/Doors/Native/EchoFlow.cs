using System.Text;
using System.Threading.Channels;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Tests.Support;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Doors.Native;

/// <summary>Greets, and answers what comes in: <c>close N</c> closes, <c>throw</c> throws, anything else is sent back.</summary>
internal sealed class EchoFlow : ISessionFlow
{
    private readonly Channel<Session> _opened = Channel.CreateUnbounded<Session>();
    private readonly Channel<Session> _closed = Channel.CreateUnbounded<Session>();

    public Task<Session> OpenedAsync() => Eventually.CompletesAsync(_opened.Reader.ReadAsync().AsTask(), "a session opens");

    public Task<Session> ClosedAsync() => Eventually.CompletesAsync(_closed.Reader.ReadAsync().AsTask(), "a session closes");

    public ValueTask OpenedAsync(Session session, CancellationToken cancellationToken)
    {
        session.Send(new RawEvent($"hello {session.Caller?.UserId}"));
        return _opened.Writer.WriteAsync(session, cancellationToken);
    }

    public ValueTask OnCommandAsync(Session session, ClientCommand command, CancellationToken cancellationToken)
    {
        switch ((command as MessageCommand)?.Content)
        {
            case "throw":
                throw new InvalidOperationException("asked to");
            case ['c', 'l', 'o', 's', 'e', ' ', .. var code]:
                session.Close((CloseCode)int.Parse(code, System.Globalization.CultureInfo.InvariantCulture), "asked to");
                break;
            default:
                session.Send(new RawEvent((command as MessageCommand)?.Content ?? command.GetType().Name));
                break;
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask ClosedAsync(Session session) => _closed.Writer.WriteAsync(session);
}
