using System.Collections.Concurrent;
using Grpc.Core;
using Tertulia.Connections.Announcing;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Watching;
using Tertulia.Contracts;

namespace Tertulia.Connections.Rooms;

/// <summary>Who is in a room, for a user who enters it. Without the presence service: whom this node knows.</summary>
/// <remarks>A join waits for it a moment, or as long as it waits for the room's messages anyway. Once the service was silent, joins do not ask until a probe
/// was answered: whatever happens to presence, rooms are entered. Who was shown less than all users is told all when the service answers again.</remarks>
internal sealed partial class RoomPresent(
    PresenceService.PresenceServiceClient presence, PresenceReporter reporter, ChosenStatuses chosen, PresenceFlow flow, TimeProvider time,
    ILogger<RoomPresent> logger)
    : IHostedService, IDisposable
{
    /// <summary>Users that are listed; of more only the number is told.</summary>
    public const int MaxListed = 200;

    /// <summary>Time that a join waits at least.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(250);

    /// <summary>Time between two probes.</summary>
    public static readonly TimeSpan ProbeInterval = TimeSpan.FromSeconds(1);

    /// <summary>Time after which the replicas are reminded of rooms whose members were shown less than all users.</summary>
    public static readonly TimeSpan ReviewInterval = TimeSpan.FromSeconds(5);

    private const int MaxReviews = 1_000; // In one round: less than what waits for a report at most.
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource _stopping = new();
    private readonly RunningTasks _running = new();
    private readonly ConcurrentDictionary<RoomBinding, bool> _partial = [];
    private int _isSilent;

    /// <summary>The service did not answer in time, and no probe was answered since.</summary>
    public bool IsSilent => Volatile.Read(ref _isSilent) != 0;

    /// <summary>Questions and probes that are not answered yet.</summary>
    internal int UnderWay => _running.Count;

    /// <summary>Begins to ask. Does not throw.</summary>
    public Question Ask(RoomBinding room, Caller caller)
    {
        if (IsSilent)
        {
            return new Question(room, 0, null);
        }

        var answer = new TaskCompletionSource<RoomPresence?>(TaskCreationOptions.RunContinuationsAsynchronously);
        _running.Start(async () => answer.SetResult(await TryAskAsync(room.RoomId, caller.UserId)));
        return new Question(room, time.GetTimestamp(), answer.Task);
    }

    /// <returns>The users, the caller included, or an empty list in a large room; and how many they are.</returns>
    public async Task<(IReadOnlyList<PresentUser> Users, uint Online)> AnswerAsync(Question question, Caller caller, CancellationToken cancellationToken)
    {
        if (question.Answer is { } answer)
        {
            var left = Patience - time.GetElapsedTime(question.AskedAt);
            if (!answer.IsCompleted && left > TimeSpan.Zero)
            {
                await ((Task)answer).WaitAsync(left, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            if (answer.IsCompleted && await answer is { } reply)
            {
                return question.Room.IsAuditorium ? ([], Math.Max(1, reply.Online))
                    : reply.Users.Count < reply.Online ? ([], reply.Online)
                    : WithCaller([.. reply.Users], caller);
            }

            OnSilent(question.Room.RoomId);
        }

        var local = question.Room.LocalUsers(MaxListed, chosen);
        _partial.TryAdd(question.Room, true);
        return question.Room.IsAuditorium ? ([], (uint)Math.Max(1, local.Count)) : WithCaller(local, caller);
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        await _running.WhenIdleAsync().WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public void Dispose() => _stopping.Dispose();

    private async Task<RoomPresence?> TryAskAsync(string roomId, string userId)
    {
        try
        {
            await reporter.ReportedSoonAsync(_stopping.Token);
            var reply = await GetAsync(roomId, userId);
            if (reply.Chosen is { } status)
            {
                flow.OnChosen(status); // Before the user is in the room: from the beginning it is known whether others may see it.
            }

            return reply;
        }
        catch (Exception exception) when (exception is RpcException or OperationCanceledException)
        {
            return null;
        }
        catch (Exception exception)
        {
            LogFailed(exception, roomId);
            return null;
        }
    }

    private async Task<RoomPresence> GetAsync(string roomId, string userId)
    {
        var request = new GetRoomRequest { RoomId = roomId, Limit = MaxListed, UserId = userId };
        return await presence.GetRoomAsync(request, deadline: DateTime.UtcNow + Deadline, cancellationToken: _stopping.Token);
    }

    private void OnSilent(string roomId)
    {
        if (Interlocked.Exchange(ref _isSilent, 1) == 0)
        {
            LogSilent(roomId);
            _running.Start(() => ProbeAsync(roomId));
        }
    }

    private async Task ProbeAsync(string roomId)
    {
        try
        {
            while (true)
            {
                await Task.Delay(ProbeInterval, time, _stopping.Token);
                if (await TryAskAsync(roomId, userId: "") is not null)
                {
                    Volatile.Write(ref _isSilent, 0);
                    LogAnswers();
                    await ReviewAsync();
                    return;
                }
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            return; // The node stops.
        }
    }

    // The replica that tells the room's changes tells all of its users, so that no change is told out of order. Until it does it is reminded: the reminder
    // may get lost like any report.
    private async Task ReviewAsync()
    {
        while (!_partial.IsEmpty && !IsSilent)
        {
            var reviews = 0;
            foreach (var (room, _) in _partial)
            {
                if (room.Removed || !room.IsListPartial)
                {
                    _partial.TryRemove(room, out _);
                }
                else if (++reviews <= MaxReviews)
                {
                    reporter.Review(room.RoomId);
                }
            }

            await Task.Delay(ReviewInterval, time, _stopping.Token);
        }
    }

    // A user who is invisible sees itself, and is not counted.
    private (IReadOnlyList<PresentUser> Users, uint Online) WithCaller(List<PresentUser> users, Caller caller)
    {
        if (users.Exists(user => user.UserId == caller.UserId))
        {
            return (users, (uint)users.Count);
        }

        users.Add(chosen.Show(caller.UserId, caller.Username));
        return (users, (uint)(chosen.IsInvisible(caller.UserId) ? users.Count - 1 : users.Count));
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The presence service does not answer (room {RoomId}); until it does, who enters a room is shown those of this node's users only of whom it is known that they are not invisible")]
    private partial void LogSilent(string roomId);

    [LoggerMessage(Level = LogLevel.Information, Message = "The presence service answers again")]
    private partial void LogAnswers();

    [LoggerMessage(Level = LogLevel.Error, Message = "Asking who is in room {RoomId} failed")]
    private partial void LogFailed(Exception exception, string roomId);

    /// <summary>What was asked.</summary>
    /// <param name="Room">Of which room.</param>
    /// <param name="AskedAt">Time stamp.</param>
    /// <param name="Answer">Null as a result when there is none; null itself when the service is known to be silent.</param>
    internal readonly record struct Question(RoomBinding Room, long AskedAt, Task<RoomPresence?>? Answer);
}
