using Grpc.Core;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;

namespace Tertulia.Connections.Rooms;

/// <summary>Answers <c>search</c> commands. The message service decides in which rooms.</summary>
internal sealed class SearchFlow(MessageService.MessageServiceClient messages, PatientReads reads, SessionReads answers)
{
    private const int DefaultLimit = 20;

    /// <summary>Starts to search; the answer comes through the outbox.</summary>
    public void Start(Session session, Caller caller, SearchCommand command) => answers.StartPage(session, command.Ref, command.RoomId, async () =>
        await session.AnswerAsync(await SearchAsync(caller, command, session.Ended), session.Ended));

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
}
