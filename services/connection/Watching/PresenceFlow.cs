using Grpc.Core;
using Tertulia.Connections.Announcing;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Watching;

/// <summary>What clients ask of the presence service: to be shown otherwise, and to be told of other users. What one session asks is done in its order.</summary>
internal sealed partial class PresenceFlow(
    PresenceService.PresenceServiceClient presence, ChosenStatuses chosen, WatchList watches, PresenceReporter reporter, ILogger<PresenceFlow> logger)
{
    private const int MaxWaiting = 16; // Of one session.
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(5);

    /// <summary>The user chooses a status.</summary>
    public void Choose(Session session, Caller caller, PresenceSetCommand command) => Start(session, command, async () =>
    {
        var request = new SetStatusRequest
        {
            UserId = caller.UserId,
            Status = command.Status,
            Text = command.Text ?? "",
            Emoji = command.Emoji ?? "",
            UntilMs = command.Until?.ToUnixTimeMilliseconds() ?? 0,
        };
        var status = await presence.SetStatusAsync(request, deadline: DateTime.UtcNow + Deadline, cancellationToken: session.Ended);
        OnChosen(status);
        if (command.Ref is { } reference)
        {
            session.Send(new ChosenStatusEvent(status, reference));
        }
    });

    /// <summary>The session is told how these users are shown, and from then on what changes.</summary>
    public void Watch(Session session, PresenceWatchCommand command) => Start(session, command, async () =>
    {
        var userIds = command.UserIds.Distinct(StringComparer.Ordinal).ToArray();
        if (watches.Add(session, userIds, out var added) is { } refusal)
        {
            session.Send(ErrorEvent.Of(refusal, command.Ref, roomId: null));
            return;
        }

        try
        {
            await reporter.ReportedSoonAsync(session.Ended); // From then on the replicas tell this node: asking earlier could miss a change.
            var request = new GetUsersRequest { UserIds = { userIds } };
            var shown = await presence.GetUsersAsync(request, deadline: DateTime.UtcNow + Deadline, cancellationToken: session.Ended);
            using var making = await session.MakeAnswerAsync(session.Ended);
            foreach (var part in WatchStateEvent.Cut(command.Ref, [.. shown.Users.Select(user => ToSelf(session, user))]))
            {
                await session.AnswerAsync(part, session.Ended);
            }
        }
        catch
        {
            watches.Remove(session, added);
            throw;
        }
        finally
        {
            watches.Show(session, userIds);
        }
    });

    /// <summary>The session is not told of these users any more.</summary>
    public void Unwatch(Session session, PresenceUnwatchCommand command) => Start(session, command, () =>
    {
        var left = command.UserIds is { } userIds ? watches.Remove(session, userIds) : watches.RemoveAll(session);
        if (command.Ref is { } reference)
        {
            session.Send(new UnwatchedEvent(left, reference));
        }

        return Task.CompletedTask;
    });

    /// <summary>A user of this node has chosen a status.</summary>
    public void OnChosen(ChosenStatus status)
    {
        if (chosen.TryAdd(status))
        {
            watches.OnChosen(status);
        }
    }

    /// <summary>A session has ended.</summary>
    public void OnClosed(Session session)
    {
        watches.RemoveAll(session);
        if (session.Caller is { } caller)
        {
            chosen.OnClosed(caller.UserId);
        }
    }

    private void Start(Session session, ClientCommand command, Func<Task> work)
    {
        if (session.Reads.Count >= MaxWaiting)
        {
            session.Send(new ErrorEvent(ErrorCode.Overloaded, "too many questions at once", command.Ref));
            return;
        }

        var earlier = session.Asking;
        session.Asking = session.Reads.Run(() => RunAsync(session, command, earlier, work));
    }

    private async Task RunAsync(Session session, ClientCommand command, Task earlier, Func<Task> work)
    {
        Refusal refusal;
        try
        {
            await earlier;
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

        session.Send(ErrorEvent.Of(refusal, command.Ref, roomId: null));
    }

    // A user who watches itself sees what it has chosen.
    private PresentUser ToSelf(Session session, PresentUser shown) =>
        shown.UserId == session.Caller?.UserId && chosen.IsInvisible(shown.UserId) ? chosen.Show(shown.UserId, session.Caller.Username) : shown;

    [LoggerMessage(Level = LogLevel.Error, Message = "What connection {ConnectionId} asked of presence failed")]
    private partial void LogFailed(Exception exception, string connectionId);
}
