using Tertulia.Connections.Announcing;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;

namespace Tertulia.Connections.Watching;

/// <summary>What clients ask of the presence service: to be shown otherwise, and to be told of other users. What one session asks is done in its order.</summary>
internal sealed class PresenceFlow(
    PresenceService.PresenceServiceClient presence, ChosenStatuses chosen, WatchList watches, PresenceReporter reporter, SessionReads answers)
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(5);

    /// <summary>The user chooses a status.</summary>
    public void Choose(Session session, Caller caller, PresenceSetCommand command) => answers.StartInOrder(session, command.Ref, async () =>
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
    public void Watch(Session session, PresenceWatchCommand command) => answers.StartInOrder(session, command.Ref, async () =>
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
    public void Unwatch(Session session, PresenceUnwatchCommand command) => answers.StartInOrder(session, command.Ref, () =>
    {
        var left = command.UserIds is { } userIds ? watches.Remove(session, userIds) : watches.RemoveAll(session);
        if (command.Ref is { } reference)
        {
            session.Send(new UnwatchedEvent(left, reference));
        }

        return Task.CompletedTask;
    });

    /// <summary>A user of this node has chosen a status, or comes and has chosen none.</summary>
    public void OnChosen(ChosenStatus status)
    {
        if (chosen.TryAdd(status) && status.Stamp > 0)
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

    // A user who watches itself sees what it has chosen.
    private PresentUser ToSelf(Session session, PresentUser shown) =>
        shown.UserId == session.Caller?.UserId && chosen.IsInvisible(shown.UserId) ? chosen.Show(shown.UserId, session.Caller.Username) : shown;
}
