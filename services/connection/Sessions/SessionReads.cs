using Grpc.Core;
using Tertulia.Connections.Events;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Sessions;

/// <summary>Carries out what a client asks for beside what else its session does: few questions at a time, and each is answered, with an error where it fails.</summary>
internal sealed partial class SessionReads(ILogger<SessionReads> logger)
{
    private const int MaxReads = 16; // Of one session at a time: a page is much more work than the frame that asks for it.

    /// <summary>Starts to work on an answer, which goes through the session's outbox.</summary>
    /// <param name="session">Whose client asks.</param>
    /// <param name="reference">The command's <c>ref</c>; null when it had none.</param>
    /// <param name="roomId">The room that it is about; null when none.</param>
    /// <param name="work">Reads and answers. What it throws is the answer.</param>
    public void Start(Session session, string? reference, string? roomId, Func<Task> work)
    {
        if (HasPlace(session, reference, roomId))
        {
            session.Reads.Start(() => RunAsync(session, reference, roomId, work));
        }
    }

    /// <summary>The same, with a place among the few in which answers of the session are made.</summary>
    /// <inheritdoc cref="Start" path="/param"/>
    public void StartPage(Session session, string? reference, string? roomId, Func<Task> work) => Start(session, reference, roomId, async () =>
    {
        using var making = await session.MakeAnswerAsync(session.Ended);
        await work();
    });

    /// <summary>The same, after what the session has asked before in the same way.</summary>
    /// <inheritdoc cref="Start" path="/param"/>
    public void StartInOrder(Session session, string? reference, Func<Task> work)
    {
        if (HasPlace(session, reference, roomId: null))
        {
            var earlier = session.Asking;
            session.Asking = session.Reads.Run(() => RunAsync(session, reference, roomId: null, async () =>
            {
                await earlier;
                await work();
            }));
        }
    }

    private static bool HasPlace(Session session, string? reference, string? roomId)
    {
        if (session.Reads.Count < MaxReads)
        {
            return true;
        }

        session.Send(new ErrorEvent(ErrorCode.Overloaded, "too many reads at once", reference, RoomId: roomId));
        return false;
    }

    private async Task RunAsync(Session session, string? reference, string? roomId, Func<Task> work)
    {
        Refusal refusal;
        try
        {
            await work();
            return;
        }
        catch (RpcException exception)
        {
            refusal = RpcErrors.ToRefusal(exception); // Not sent when the session has ended.
        }
        catch (OperationCanceledException) when (session.Ended.IsCancellationRequested)
        {
            return; // The client is gone.
        }
        catch (Exception exception)
        {
            LogFailed(exception, session.ConnectionId);
            refusal = new Refusal { Code = ErrorCode.Internal };
        }

        session.Send(ErrorEvent.Of(refusal, reference, roomId));
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "What connection {ConnectionId} asked for could not be answered")]
    private partial void LogFailed(Exception exception, string connectionId);
}
