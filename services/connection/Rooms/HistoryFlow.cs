using Grpc.Core;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;

namespace Tertulia.Connections.Rooms;

/// <summary>Answers <c>history</c> and other commands that read a page, late when the message service is. The message service decides who may read.</summary>
internal sealed class HistoryFlow(MessageService.MessageServiceClient messages, PatientReads reads, SessionReads answers)
{
    /// <summary>Messages of a page when the client does not say how many.</summary>
    public const int DefaultLimit = 50;

    /// <summary>Starts to read a page of a room's history; the answer comes through the outbox.</summary>
    public void Start(Session session, Caller caller, string roomId, HistoryCommand command)
    {
        var request = new GetHistoryRequest { RoomId = roomId, Actor = caller.ToActor(roomId), Limit = command.Limit ?? DefaultLimit };
        if (command.BeforeSeq is { } before)
        {
            request.BeforeSeq = before;
        }

        if (command.AfterSeq is { } after)
        {
            request.AfterSeq = after;
        }

        request.AroundMessageId = command.AroundMessageId ?? "";
        Start(
            session, roomId, command.Ref, options => messages.GetHistoryAsync(request, options),
            page => command.AroundMessageId is null
                ? HistoryEvent.Fit(roomId, command.Ref, page.Messages, page.HasMore, newest: command.AfterSeq is null)
                : HistoryEvent.FitAround(roomId, command.Ref, page, ServerEvent.MaxBytes - EventSize.Overhead));
    }

    /// <summary>Starts to read a page of something else that belongs to a room.</summary>
    /// <param name="session">Gets the answer through its outbox.</param>
    /// <param name="roomId">The room.</param>
    /// <param name="reference">The command's <c>ref</c>; null when it had none.</param>
    /// <param name="read">Reads the page.</param>
    /// <param name="show">The answer, as much of the page as fits.</param>
    public void Start<TPage>(Session session, string roomId, string? reference, Func<CallOptions, AsyncUnaryCall<TPage>> read, Func<TPage, ServerEvent> show) =>
        answers.StartPage(session, reference, roomId, async () =>
        {
            var page = await reads.BeginHistory().ReadAsync(read, session.Ended);
            await session.AnswerAsync(show(page), session.Ended);
        });
}
