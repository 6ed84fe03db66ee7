using Grpc.Core;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Events;
using Tertulia.Connections.Submitting;
using Tertulia.Contracts;

namespace Tertulia.Connections.Rooms;

/// <summary>Reads from the log what a room misses, piece by piece. What arrives meanwhile waits in the room.</summary>
/// <remarks>While the store is away it is tried again and again. What cannot be read for another reason is tried alone a few times, then the members are
/// told of a gap and the room goes on.</remarks>
internal sealed partial class GapRepair(
    MessageService.MessageServiceClient messages, PendingAcks pending, RoomReview review, TimeProvider time, ILogger<GapRepair> logger) : IHostedService, IDisposable
{
    /// <summary>Time for which a hole is left to close by itself: entries overtake each other while a partition changes its owner.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(200);

    private const int MaxEntries = 1000;
    private const int MaxCalls = 32; // All rooms of a node may have a hole at once, after the broker was away.
    private const int MaxTries = 3; // Of an entry that cannot be read, alone.
    private const int MaxUnreadable = 8; // In a row; then the rest of the hole is given up, too.
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan FirstBackOff = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestBackOff = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource _stopping = new();
    private readonly SemaphoreSlim _calls = new(MaxCalls);
    private readonly RunningTasks _running = new();

    /// <summary>Starts the repair of a room. The room sees to it that there is one at a time.</summary>
    /// <param name="room">The room.</param>
    /// <param name="atOnce">What is missing cannot arrive by itself.</param>
    public void Start(RoomBinding room, bool atOnce) => _running.Start(() => RunAsync(room, atOnce));

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        await _running.WhenIdleAsync().WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public void Dispose()
    {
        _stopping.Dispose();
        _calls.Dispose();
    }

    private async Task RunAsync(RoomBinding room, bool atOnce)
    {
        try
        {
            if (!atOnce)
            {
                await Task.Delay(Patience, time, _stopping.Token);
            }

            await RepairAsync(room, _stopping.Token);
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            LogStopped(room.RoomId);
        }
    }

    private enum Outcome
    {
        /// <summary>Something new came.</summary>
        Read,

        /// <summary>The store is away, or the replica that was asked is behind: the same request may succeed later.</summary>
        Later,

        /// <summary>The service did not answer in time: it may with less.</summary>
        Late,

        /// <summary>The same request would fail again.</summary>
        Unreadable,
    }

    private async Task RepairAsync(RoomBinding room, CancellationToken cancellationToken)
    {
        var (backOff, limit, tries, unreadable) = (FirstBackOff, MaxEntries, 0, 0);
        while (room.TryGetHole(out var from, out var to))
        {
            switch (await TryReadAsync(room, from, to, limit, cancellationToken))
            {
                case Outcome.Read:
                    (backOff, limit, tries, unreadable) = (FirstBackOff, Math.Min(limit * 2, MaxEntries), 0, 0);
                    continue;
                case Outcome.Late:
                    limit = Math.Max(1, limit / 2);
                    break;
                case Outcome.Unreadable when limit > 1:
                    limit = 1;
                    break;
                case Outcome.Unreadable when ++tries >= MaxTries || unreadable > 0:
                    var end = ++unreadable >= MaxUnreadable ? to : from;
                    LogUnreadable(room.RoomId, from, end);
                    room.OnUnreadable(end);
                    ReviewAfterLoss(room);
                    tries = 0;
                    continue;
            }

            await Task.Delay(backOff * (0.5 + Random.Shared.NextDouble()), time, cancellationToken);
            backOff = TimeSpan.FromTicks(Math.Min(backOff.Ticks * 2, LongestBackOff.Ticks));
        }
    }

    private async Task<Outcome> TryReadAsync(RoomBinding room, long from, long to, int limit, CancellationToken cancellationToken)
    {
        await _calls.WaitAsync(cancellationToken);
        try
        {
            var request = new GetEventsRequest { RoomId = room.RoomId, FromSeq = from, ToSeq = to, Limit = limit };
            var options = new CallOptions(deadline: DateTime.UtcNow + Deadline, cancellationToken: cancellationToken);
            var reply = await messages.GetEventsAsync(request, options);
            if (reply.Events is not { } entries)
            {
                return Outcome.Later;
            }

            LogRepaired(room.RoomId, entries.Events.Count, from, to);
            using var batch = DeliveryBatch.Begin();
            Acknowledge(entries);
            var isNew = room.OnRepaired(entries, reply.CoveredToSeq);
            ReviewAfterLoss(room);
            return isNew ? Outcome.Read : Outcome.Later;
        }
        catch (RpcException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
        catch (RpcException exception)
        {
            LogFailed(exception.Status.Detail, room.RoomId, from, to);
            return OutcomeOf(exception, room);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            LogBroken(exception, room.RoomId, from, to); // An edge: without the repair the room would stand still for ever.
            return Outcome.Unreadable;
        }
        finally
        {
            _calls.Release();
        }
    }

    // What is lost may have said that somebody is out.
    private void ReviewAfterLoss(RoomBinding room)
    {
        if (room.TakeLoss())
        {
            review.Review(room);
        }
    }

    private static Outcome OutcomeOf(RpcException exception, RoomBinding room)
    {
        switch (exception.StatusCode)
        {
            case StatusCode.DeadlineExceeded:
                return Outcome.Late;
            case StatusCode.Unavailable or StatusCode.Cancelled or StatusCode.Unauthenticated or StatusCode.PermissionDenied:
                return Outcome.Later; // The last two: no process may read until all have the same secret.
            case StatusCode.NotFound:
                room.OnDoubt(); // The present owner says whether there is such a room.
                return Outcome.Later;
            default:
                return Outcome.Unreadable;
        }
    }

    // The event that would have acknowledged them was lost. Entries from the log do not name their command, but their message does.
    private void Acknowledge(RoomEvents entries)
    {
        var commands = pending.Count > 0 ? pending.ByMessageId() : [];
        foreach (var entry in entries.Events)
        {
            if (commands.Count > 0 && entry.Message is { } message && commands.TryGetValue(message.MessageId, out var commandId))
            {
                pending.Take(commandId)?.OnEvent(entries.RoomId, entries.Epoch, entry);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "Room {RoomId}: {Count} entries from the log, {From} to {To} were missing")]
    private partial void LogRepaired(string roomId, int count, long from, long to);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Room {RoomId}: entries {From} to {To} are missing and the log does not answer: {Reason}")]
    private partial void LogFailed(string reason, string roomId, long from, long to);

    [LoggerMessage(Level = LogLevel.Error, Message = "Room {RoomId}: entries {From} to {To} cannot be read; the members are told of a gap")]
    private partial void LogUnreadable(string roomId, long from, long to);

    [LoggerMessage(Level = LogLevel.Error, Message = "Room {RoomId}: the repair of {From} to {To} failed")]
    private partial void LogBroken(Exception exception, string roomId, long from, long to);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Room {RoomId}: the node stops, a hole stays")]
    private partial void LogStopped(string roomId);
}
