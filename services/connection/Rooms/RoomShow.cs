using Grpc.Core;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;

namespace Tertulia.Connections.Rooms;

/// <summary>Shows a room to a member who was admitted, and makes it live: page by page, at the pace at which the client reads, until nothing is missing
/// between what was shown and what waits.</summary>
internal sealed partial class RoomShow(
    MessageService.MessageServiceClient messages, PatientReads reads, RoomPresent present, Greeting greeting, ILogger<RoomShow> logger)
    : IDisposable
{
    private const int MaxReads = 64; // When all clients of a node come back at once, their snapshots wait here, not in the message service with a deadline running.
    private const int MaxPages = 300; // Of one show: a client that reads more slowly than the room goes on is then told of a gap.

    private readonly SemaphoreSlim _reads = new(MaxReads);

    /// <returns>Null when the join was answered; else why not: <c>unavailable</c> when the snapshot is older than the room on this node, or of another epoch.</returns>
    public async Task<Refusal?> RunAsync(
        RoomMember member, Caller caller, Entrance entrance, Joined joined, Patience patience, CancellationToken cancellationToken)
    {
        using var place = await member.Session.MakeAnswerAsync(cancellationToken); // A client that enters many rooms and does not read has few of them in memory.
        using var marks = member.Session.Marks.Begin();
        var roomId = member.Room.RoomId;
        var question = present.Ask(member.Room, caller);
        var request = new GetSnapshotRequest { RoomId = roomId, Actor = caller.ToActor(roomId), Since = entrance.Since, History = entrance.History };
        var snapshot = await ReadAsync(request, patience, cancellationToken);
        if (!IsCurrent(member, joined, snapshot))
        {
            member.Room.OnDoubt(); // A replica that is behind, or a store that went back: the owner says which.
            return new Refusal { Code = ErrorCode.Unavailable, Detail = "the snapshot is older than the room" };
        }

        var (users, online) = await present.AnswerAsync(question, caller, cancellationToken);
        var view = RoomView.Of(roomId, snapshot, users, online, out var later);
        var (first, shown) = First(member, caller, entrance, view, joined.Role);
        if (member.State == MemberState.Left)
        {
            return JoinFlow.Left();
        }

        var progress = new Progress(member, request, snapshot, shown, first, later);
        try
        {
            await ShowAllAsync(progress, cancellationToken);
        }
        catch (Exception exception) when (cancellationToken.IsCancellationRequested && progress.IsAnswered && exception is OperationCanceledException or RpcException)
        {
            return null;
        }
        catch (RpcException exception) when (!cancellationToken.IsCancellationRequested && progress.IsAnswered)
        {
            LogCut(exception.Status.Detail, roomId, progress.Position);
            GoLiveWithGap(progress);
        }

        if (progress.IsAnswered)
        {
            marks.Sent(shown => shown == roomId ? snapshot.Mark?.ReadSeq ?? 0 : null);
            return null;
        }

        return member.State == MemberState.Left ? JoinFlow.Left()
            : new Refusal { Code = ErrorCode.Unavailable, Detail = "the room has another epoch" };
    }

    /// <inheritdoc />
    public void Dispose() => _reads.Dispose();

    private async Task ShowAllAsync(Progress progress, CancellationToken cancellationToken)
    {
        for (var pages = 1; ; pages++)
        {
            await SendPageAsync(progress, cancellationToken);
            var snapshot = progress.Snapshot;
            if (!snapshot.HasMore)
            {
                using var turn = await progress.Member.Session.Outbox.TurnAsync(cancellationToken);
                if (TryGoLive(progress))
                {
                    return;
                }
            }

            if (pages == MaxPages)
            {
                GoLiveWithGap(progress);
                return;
            }

            var request = progress.Request.Clone();
            (request.Since, request.History, request.Continued) = (new Position { Epoch = snapshot.Epoch, Seq = progress.Position }, 0, true);
            var patience = reads.Begin();
            var next = await ReadAsync(request, patience, cancellationToken);
            if (next.Epoch != snapshot.Epoch || !next.Recovered)
            {
                progress.Member.Session.Close(CloseCode.StateInvalid, "the room has another epoch");
                return;
            }

            if (next.Seq <= progress.Position && next.Messages.Count == 0)
            {
                await patience.WaitAsync(new Refusal(), cancellationToken); // A replica that is behind.
            }

            progress.Continue(next);
        }
    }

    /// <summary>Sends all of the page but the last event, which goes together with what waited.</summary>
    private static async Task SendPageAsync(Progress progress, CancellationToken cancellationToken)
    {
        var (member, snapshot) = (progress.Member, progress.Snapshot);

        foreach (var users in progress.TakeUsers())
        {
            await SendAsync(progress, cancellationToken);
            progress.Event = users;
        }

        // What was missed and does not fit comes one by one; of a history, the client pages what does not fit.
        for (; snapshot.Recovered && progress.Missed.Next is { } next; progress.Missed.Take())
        {
            await SendAsync(progress, cancellationToken);
            progress.Event = next.Show(member.Room.RoomId, snapshot.Epoch);
        }

        if (snapshot.Gap is { } gap)
        {
            // The gap ends where what was shown begins: of the newest page only the end may have fitted into the frame.
            var toSeq = progress.Shown < snapshot.Messages.Count ? snapshot.Messages[^progress.Shown].Seq - 1 : gap.ToSeq;
            await SendAsync(progress, cancellationToken);
            progress.Event = new GapEvent(member.Room.RoomId, snapshot.Epoch, gap.FromSeq, toSeq);
        }

        if (snapshot.HasMore)
        {
            await SendAsync(progress, cancellationToken);
        }
    }

    /// <returns>False when the member has to be shown more.</returns>
    private static bool TryGoLive(Progress progress)
    {
        var (member, snapshot) = (progress.Member, progress.Snapshot);
        using var batch = DeliveryBatch.Begin();
        lock (member.Room.Gate)
        {
            switch (member.Show(progress.Event, snapshot.Epoch, progress.Position))
            {
                case Showing.Stale when member.Room.Epoch != snapshot.Epoch:
                    if (progress.IsAnswered)
                    {
                        member.Session.Close(CloseCode.StateInvalid, "the room has another epoch");
                    }

                    return true;
                case Showing.Stale:
                    progress.SendEvent(); // A replica that is behind answered: what is missing is read next.
                    return false;
                case Showing.Behind:
                    progress.IsAnswered = true;
                    progress.Event = null;
                    progress.Position = member.ShownSeq;
                    return false;
                default:
                    progress.IsAnswered |= member.State == MemberState.Live;
                    return true;
            }
        }
    }

    // Nothing more can be read: the member is told what it was not shown.
    private static void GoLiveWithGap(Progress progress)
    {
        var member = progress.Member;
        using var batch = DeliveryBatch.Begin();
        lock (member.Room.Gate)
        {
            var (from, to) = (progress.Position + 1, member.Room.LastSeq);
            var gap = to >= from ? new GapEvent(member.Room.RoomId, member.Room.Epoch, from, to) : null;
            member.GoLive(gap, Math.Max(to, progress.Position));
        }
    }

    private static bool IsCurrent(RoomMember member, Joined joined, Snapshot snapshot)
    {
        if (snapshot.Epoch == joined.Epoch && !snapshot.HasMore && snapshot.Seq < joined.Seq)
        {
            return false;
        }

        lock (member.Room.Gate)
        {
            return snapshot.HasMore ? snapshot.Epoch == member.Room.Epoch : member.CanShow(snapshot.Epoch, snapshot.Seq);
        }
    }

    private (ServerEvent Event, FittingRoom Shown) First(RoomMember member, Caller caller, Entrance entrance, RoomView view, string role)
    {
        if (entrance.Greets)
        {
            var connected = greeting.Connected(member.Session, caller, view, role);
            return (connected, connected.Shown);
        }

        var joined = JoinedEvent.Fit(view, entrance.Reference);
        return (joined, joined.Shown);
    }

    private async Task<Snapshot> ReadAsync(GetSnapshotRequest request, Patience patience, CancellationToken cancellationToken)
    {
        await _reads.WaitAsync(cancellationToken);
        try
        {
            return await patience.ReadAsync(options => messages.GetSnapshotAsync(request, options), cancellationToken);
        }
        finally
        {
            _reads.Release();
        }
    }

    private static async Task SendAsync(Progress progress, CancellationToken cancellationToken)
    {
        using var turn = await progress.Member.Session.Outbox.TurnAsync(cancellationToken);
        if (progress.Member.State != MemberState.Left)
        {
            progress.SendEvent();
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Room {RoomId}: what a client missed after {Seq} cannot be read ({Reason}); it is told of a gap")]
    private partial void LogCut(string reason, string roomId, long seq);

    /// <summary>How far one member was shown the room.</summary>
    private sealed class Progress(RoomMember member, GetSnapshotRequest request, Snapshot snapshot, FittingRoom shown, ServerEvent first, IReadOnlyList<PresentUser> users)
    {
        private IReadOnlyList<PresentUser> _users = users;

        public RoomMember Member { get; } = member;

        public GetSnapshotRequest Request { get; } = request;

        /// <summary>The page that is being shown.</summary>
        public Snapshot Snapshot { get; private set; } = snapshot;

        /// <summary>What of the page is to be sent yet, when it is what the client missed.</summary>
        public MissedChanges Missed { get; private set; } = MissedChanges.After(snapshot, shown);

        /// <summary>Messages of the first page that are in the first event.</summary>
        public int Shown { get; private set; } = shown.History.Count;

        /// <summary>To be sent next; null when there is nothing.</summary>
        public ServerEvent? Event { get; set; } = first;

        /// <summary>Everything up to this seq is in what was sent, once the page is.</summary>
        public long Position { get; set; } = snapshot.Seq;

        /// <summary>The first event was sent.</summary>
        public bool IsAnswered { get; set; }

        /// <summary>The users who did not fit into the first event, once.</summary>
        public IEnumerable<ServerEvent> TakeUsers()
        {
            var later = _users;
            _users = [];
            return later.Count == 0 ? [] : PresenceStateEvent.Cut(Member.Room.RoomId, later);
        }

        public void SendEvent()
        {
            if (Event is { } next)
            {
                Member.Session.Outbox.Answer(next);
                (Event, IsAnswered) = (null, true);
            }
        }

        public void Continue(Snapshot next)
        {
            (Snapshot, Missed, Shown, Event) = (next, new MissedChanges(next), 0, null);
            Position = Math.Max(Position, next.Seq);
        }
    }
}
