using Grpc.Core;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Rooms;

/// <summary>Answers <c>search</c> commands. The message service decides in which rooms.</summary>
internal sealed partial class SearchFlow(MessageService.MessageServiceClient messages, PatientReads reads, ILogger<SearchFlow> logger)
{
    private const int DefaultLimit = 20;
    private const int MaxReads = 16; // Of one session at a time, pages of history included.

    /// <summary>Starts to search; the answer comes through the outbox.</summary>
    public void Start(Session session, Caller caller, SearchCommand command)
    {
        if (session.Reads.Count >= MaxReads)
        {
            session.Send(new ErrorEvent(ErrorCode.Overloaded, "too many reads at once", command.Ref, RoomId: command.RoomId));
            return;
        }

        session.Reads.Start(() => SearchAsync(session, caller, command));
    }

    /// <summary>Searches, also without a session.</summary>
    /// <exception cref="RpcException">Refused.</exception>
    public async Task<SearchEvent> SearchAsync(Caller caller, SearchCommand command, CancellationToken cancellationToken)
    {
        var request = new SearchRequest
        {
            Actor = caller.ToActor(command.RoomId ?? ""),
            Query = command.Query,
            RoomId = command.RoomId ?? "",
            From = command.From ?? "",
            BeforeSeq = command.BeforeSeq ?? 0,
            Before = command.Cursor ?? 0,
            Limit = command.Limit ?? DefaultLimit,
        };
        if (command.RoomId is null)
        {
            (request.Actor.Grant, request.Scope) = (null, caller.ToScope()); // Of no room: what the token grants is weighed for each of them.
        }

        var reply = await reads.BeginHistory().ReadAsync(options => messages.SearchAsync(request, options), cancellationToken);
        return SearchEvent.Fit(command.Ref, reply);
    }

    private async Task SearchAsync(Session session, Caller caller, SearchCommand command)
    {
        Refusal refusal;
        try
        {
            using var making = await session.MakeAnswerAsync(session.Ended);
            await session.AnswerAsync(await SearchAsync(caller, command, session.Ended), session.Ended);
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
            LogFailed(exception);
            refusal = new Refusal { Code = ErrorCode.Internal };
        }

        session.Send(ErrorEvent.Of(refusal, command.Ref, command.RoomId));
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "A search failed")]
    private partial void LogFailed(Exception exception);
}
