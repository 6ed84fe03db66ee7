using System.Collections.Concurrent;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;

namespace Tertulia.Connections.Sessions;

/// <summary>One connected device.</summary>
internal sealed class Session : IAsyncDisposable
{
    private const int MaxAnswersInTheMaking = 4;

    private readonly CancellationTokenSource _ended = new();
    private ConcurrentQueue<RoomMember>? _behind; // Made when it is needed: most clients never are behind, and an empty one takes 800 bytes.
    private SemaphoreSlim? _places;
    private bool _heard;

    /// <param name="connectionId">Unique in the cluster and new with every connection.</param>
    /// <param name="opening">How it came in.</param>
    /// <param name="outbox">The frames that wait for its socket.</param>
    public Session(string connectionId, SessionOpening opening, Outbox outbox)
    {
        (ConnectionId, Opening, Outbox, Caller) = (connectionId, opening, outbox, opening.Caller);
        Marks = new ToldMarks(this);
        Ended = _ended.Token;
    }

    public string ConnectionId { get; }

    public SessionOpening Opening { get; }

    public Outbox Outbox { get; }

    /// <summary>Null until the client is authenticated; replaced by <c>auth_refresh</c>, never by another user.</summary>
    public Caller? Caller { get; set; }

    /// <summary>Rooms the session is in, enters, or was refused, by room id. Touched by the session's own frames only, which never overlap.</summary>
    public Dictionary<string, RoomMember> Rooms { get; } = new(StringComparer.Ordinal);

    /// <summary>What the session has under way beyond the frame it is handling: its greeting and its joins.</summary>
    public RunningTasks Calls { get; } = new();

    /// <summary>Pages of history and other answers that the session waits for.</summary>
    public RunningTasks Reads { get; } = new();

    /// <summary>What the session asks of presence, one after the other. Touched by the session's own frames only.</summary>
    public Task Asking { get; set; } = Task.CompletedTask;

    /// <summary>What the client asks beyond its user's events. Touched by the session's own frames only.</summary>
    public SessionRates Rates { get; } = new();

    /// <summary>What it is told of how far its user has read.</summary>
    public ToldMarks Marks { get; }

    /// <summary>What the heartbeat loop knows of the session. Touched by it only.</summary>
    public Watch Watch { get; } = new();

    /// <summary>Cancelled when the session has ended.</summary>
    public CancellationToken Ended { get; }

    /// <summary>Something came from the client: it is alive. Looked at once a second, so that a frame does not cost a look at the clock.</summary>
    public void Heard() => Volatile.Write(ref _heard, true);

    /// <returns>True when something came since the last call.</returns>
    public bool TakeHeard()
    {
        if (!Volatile.Read(ref _heard))
        {
            return false;
        }

        Volatile.Write(ref _heard, false);
        return true;
    }

    /// <summary>Queues a frame for the client.</summary>
    public SendOutcome Send(ServerEvent frame) => Outbox.TryEnqueue(frame);

    /// <summary>Waits for one of the few places in which answers of this session are made: what a client asks for without reading is not held in memory all at
    /// once. Dispose of it when the answer is queued.</summary>
    public async ValueTask<AnswerPlace> MakeAnswerAsync(CancellationToken cancellationToken)
    {
        var places = LazyInitializer.EnsureInitialized(ref _places, static () => new SemaphoreSlim(MaxAnswersInTheMaking));
        await places.WaitAsync(cancellationToken);
        return new AnswerPlace(places);
    }

    /// <summary>Queues an answer of up to a whole page when the client has read the ones before it: it is not closed for what it has asked itself.</summary>
    public async ValueTask<SendOutcome> AnswerAsync(ServerEvent answer, CancellationToken cancellationToken)
    {
        using var turn = await Outbox.TurnAsync(cancellationToken);
        return Outbox.Answer(answer);
    }

    /// <summary>Sends what waits, then the close frame, and ends the transport. Only the first call counts.</summary>
    public void Close(CloseCode code, string reason) => Outbox.Close(code, reason);

    /// <summary>A room's events were left out for this client: it is told when it has caught up.</summary>
    public void Missed(RoomMember member) => LazyInitializer.EnsureInitialized(ref _behind, () => []).Enqueue(member);

    /// <summary>The client has caught up: tells it what it missed in each room. Called without any lock.</summary>
    public void TellMissed()
    {
        while (Volatile.Read(ref _behind) is { } behind && behind.TryDequeue(out var member))
        {
            member.TellMissed();
        }
    }

    /// <summary>Some room's events were left out, and the client was not yet told.</summary>
    public bool HasMissed => Volatile.Read(ref _behind) is { IsEmpty: false };

    /// <summary>The transport is gone: ends what is under way and waits for it.</summary>
    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        await Calls.WhenIdleAsync();
        await Reads.WhenIdleAsync();
        _ended.Dispose();
        _places?.Dispose();
    }
}

/// <summary>A place in which an answer is made.</summary>
internal readonly struct AnswerPlace(SemaphoreSlim places) : IDisposable
{
    public void Dispose() => places.Release();
}
