using Grpc.Core;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Rooms;

/// <summary>Answers <c>history</c> commands, late when the message service is. The message service decides who may read.</summary>
internal sealed partial class HistoryFlow(MessageService.MessageServiceClient messages, PatientReads reads, ILogger<HistoryFlow> logger)
{
    private const int DefaultLimit = 50;
    private const int MaxReads = 16; // Of one session at a time: a page is much more work than the frame that asks for it.

    /// <summary>Starts to read a page; the answer comes through the outbox.</summary>
    public void Start(Session session, Caller caller, string roomId, HistoryCommand command)
    {
        if (session.Reads.Count >= MaxReads)
        {
            session.Send(new ErrorEvent(ErrorCode.Overloaded, "too many reads at once", command.Ref, RoomId: roomId));
            return;
        }

        session.Reads.Start(() => ReadAsync(session, caller, roomId, command));
    }

    private async Task ReadAsync(Session session, Caller caller, string roomId, HistoryCommand command)
    {
        Refusal refusal;
        try
        {
            var request = new GetHistoryRequest
            {
                RoomId = roomId,
                Actor = caller.ToActor(roomId),
                Limit = command.Limit ?? DefaultLimit,
            };
            if (command.BeforeSeq is { } before)
            {
                request.BeforeSeq = before;
            }

            if (command.AfterSeq is { } after)
            {
                request.AfterSeq = after;
            }

            using var making = await session.MakeAnswerAsync(session.Ended);
            var page = await reads.BeginHistory().ReadAsync(options => messages.GetHistoryAsync(request, options), session.Ended);
            await session.AnswerAsync(HistoryEvent.Fit(roomId, command.Ref, page.Messages, page.HasMore, newest: command.AfterSeq is null), session.Ended);
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
            LogFailed(exception, roomId);
            refusal = new Refusal { Code = ErrorCode.Internal };
        }

        session.Send(new ErrorEvent(refusal.Code, refusal.Detail, command.Ref, (int)refusal.RetryAfterMs, roomId));
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Reading the history of room {RoomId} failed")]
    private partial void LogFailed(Exception exception, string roomId);
}
