using Grpc.Core;
using Tertulia.Connections.Announcing;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;

namespace Tertulia.Connections.Rooms;

/// <summary>Who is in a room, for a user who enters it. Without the presence service: whom this node knows.</summary>
/// <remarks>A join waits for it a moment, or as long as it waits for the room's messages anyway. Once the service was silent, joins do not ask until a probe
/// was answered: whatever happens to presence, rooms are entered.</remarks>
internal sealed partial class RoomPresent(
    PresenceService.PresenceServiceClient presence, PresenceReporter reporter, TimeProvider time, ILogger<RoomPresent> logger) : IHostedService, IDisposable
{
    /// <summary>Users that are listed; of more only the number is told.</summary>
    public const int MaxListed = 100;

    /// <summary>Time that a join waits at least.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(250);

    /// <summary>Time between two probes.</summary>
    public static readonly TimeSpan ProbeInterval = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(5);

    // The replicas send changes of the room to this node from the moment they know of the member; asking earlier could miss a user.
    private static readonly TimeSpan ReportPatience = TimeSpan.FromMilliseconds(100);

    private readonly CancellationTokenSource _stopping = new();
    private readonly RunningTasks _running = new();
    private int _isSilent;

    /// <summary>The service did not answer in time, and no probe was answered since.</summary>
    public bool IsSilent => Volatile.Read(ref _isSilent) != 0;

    /// <summary>Questions and probes that are not answered yet.</summary>
    internal int UnderWay => _running.Count;

    /// <summary>Begins to ask. Does not throw.</summary>
    public Question Ask(RoomBinding room)
    {
        if (IsSilent)
        {
            return new Question(room, 0, null);
        }

        var answer = new TaskCompletionSource<RoomPresence?>(TaskCreationOptions.RunContinuationsAsynchronously);
        _running.Start(async () => answer.SetResult(await TryAskAsync(room.RoomId)));
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
                return reply.Users.Count < reply.Online ? ([], reply.Online) : WithCaller([.. reply.Users], caller);
            }

            OnSilent(question.Room.RoomId);
        }

        return WithCaller(question.Room.LocalUsers(MaxListed), caller);
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        await _running.WhenIdleAsync().WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public void Dispose() => _stopping.Dispose();

    private async Task<RoomPresence?> TryAskAsync(string roomId)
    {
        try
        {
            await reporter.ReportedAsync().WaitAsync(ReportPatience, time, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return await GetAsync(roomId);
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

    private async Task<RoomPresence> GetAsync(string roomId)
    {
        var request = new GetRoomRequest { RoomId = roomId, Limit = MaxListed };
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
                if (await TryAskAsync(roomId) is not null)
                {
                    Volatile.Write(ref _isSilent, 0);
                    LogAnswers();
                    return;
                }
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            return; // The node stops.
        }
    }

    private static (IReadOnlyList<PresentUser> Users, uint Online) WithCaller(List<PresentUser> users, Caller caller)
    {
        if (!users.Exists(user => user.UserId == caller.UserId))
        {
            users.Add(new PresentUser { UserId = caller.UserId, Username = caller.Username, Status = "online" });
        }

        return (users, (uint)users.Count);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The presence service does not answer (room {RoomId}); until it does, who enters a room is shown this node's users only")]
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
