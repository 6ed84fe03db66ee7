using System.Threading.Channels;
using Microsoft.Extensions.Options;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Presence.Emitting;
using Tertulia.Presence.LastSeen;

namespace Tertulia.Presence.Tracking;

/// <summary>The one owner of the picture: takes reports, questions and ticks in turn, and flushes what changed.</summary>
internal sealed partial class PresenceLoop(
    ILiveBus bus, ProcessIdentity identity, PresenceMap map, NodeReports reports, PendingChanges changes, ChangeSender sender,
    TakeOver takeOver, SeenWriter seen, PresenceReplicas replicas, IOptions<PresenceOptions> options, Telemetry telemetry, TimeProvider time, ILogger<PresenceLoop> logger)
    : IHostedService, IDisposable
{
    private static readonly TimeSpan TickInterval = TimeSpan.FromSeconds(1);

    /// <summary>Until the picture is complete: the start should not wait for a slow tick.</summary>
    private static readonly TimeSpan SettlingTickInterval = TimeSpan.FromMilliseconds(100);

    private readonly Channel<Item> _items = Channel.CreateBounded<Item>(
        new BoundedChannelOptions(options.Value.QueueLength) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait });
    private readonly TaskCompletionSource _listening = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _stopping = new();
    private Task _running = Task.CompletedTask;
    private Task _sending = Task.CompletedTask;
    private volatile bool _confirming; // Not _sending.IsCompleted: the loop may be awake before the task that woke it has ended.
    private long? _announcedAt;
    private long _lastTick;
    private bool _countsDue;
    private volatile bool _statusesRead; // All that are stored are in the picture.
    private volatile IReadOnlyCollection<NodeSend>? _unsent; // Set by the sending task while _confirming keeps the loop from taking the next flush.

    /// <summary>The picture is complete enough to answer and to emit.</summary>
    public bool Settled { get; private set; }

    /// <summary>Completes when reports are heard: what is said from then on is not missed.</summary>
    public Task Listening => _listening.Task;

    /// <summary>All stored statuses are in the picture: without them who is invisible would be shown.</summary>
    public bool StatusesRead
    {
        get => _statusesRead;
        set => _statusesRead = value;
    }

    /// <summary>Puts a question to the picture.</summary>
    /// <param name="question">Runs on the loop: no I/O.</param>
    /// <param name="cancellationToken">Gives up waiting for the answer.</param>
    public async Task<T> AskAsync<T>(Func<PresenceMap, T> question, CancellationToken cancellationToken)
    {
        var answer = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        await _items.Writer.WriteAsync(new Item(Answer), cancellationToken);
        return await answer.Task.WaitAsync(cancellationToken);

        void Answer()
        {
            try
            {
                answer.SetResult(question(map));
            }
            catch (Exception exception)
            {
                answer.SetException(exception); // The asker's failure, not the loop's.
            }
        }
    }

    /// <summary>Time stamp of the last tick that was handled.</summary>
    internal long LastTick => Volatile.Read(ref _lastTick);

    /// <summary>Waits a moment for the bus, so that a node in the same process does not speak before it is heard. Without a broker the start goes on.</summary>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        _running = RunAsync(_stopping.Token);
        await Task.WhenAny(_listening.Task, Task.Delay(TickInterval, time, cancellationToken));
    }

    /// <summary>Leaves the replicas first, so that another one emits, then sends what is pending.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await replicas.LeaveAsync(cancellationToken);
        await _stopping.CancelAsync();
        try
        {
            await _running.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            LogLate(); // The host's time is over. What it threw here would end the process with SIGABRT.
        }
    }

    public void Dispose() => _stopping.Dispose();

    private async Task RunAsync(CancellationToken cancellationToken)
    {
        var owning = OwnAsync(cancellationToken);
        try
        {
            await using var reception = await bus.ReceivePresenceAsync(identity.Id, OnReportAsync, OnRestoredAsync, cancellationToken);
            _listening.TrySetResult();
            await Task.WhenAll(AnnounceAsync(cancellationToken), TickAsync(cancellationToken));
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            LogStopped(map.ConnectionCount);
        }

        _items.Writer.TryComplete();
        await owning;
    }

    private ValueTask OnReportAsync(PresenceReport report) => WriteAsync(new Item(report));

    private async ValueTask OnRestoredAsync()
    {
        await WriteAsync(new Item(reports.MistrustAll));
        await AskAllAsync(_stopping.Token);
    }

    // A full queue keeps the bus waiting; what the bus must drop then shows as a hole in the versions.
    private async ValueTask WriteAsync(Item item)
    {
        try
        {
            await _items.Writer.WriteAsync(item, _stopping.Token);
        }
        catch (Exception exception) when (exception is OperationCanceledException or ChannelClosedException)
        {
            LogIgnored();
        }
    }

    private async Task AnnounceAsync(CancellationToken cancellationToken)
    {
        await AskAllAsync(cancellationToken);
        await _items.Writer.WriteAsync(new Item(() => _announcedAt = time.GetTimestamp()), cancellationToken);
    }

    private async Task AskAllAsync(CancellationToken cancellationToken)
    {
        var request = new NodeBatch { From = identity.Id, Announce = new AnnounceRequest { ReplicaId = identity.Id } };
        for (var delay = TimeSpan.FromMilliseconds(250); ; delay = delay * 2 < TimeSpan.FromSeconds(10) ? delay * 2 : delay)
        {
            try
            {
                await bus.SendToAllNodesAsync(request, cancellationToken);
                return;
            }
            catch (BusUnavailableException exception)
            {
                LogNotAsked(exception.Message);
                await Task.Delay(delay * (0.5 + Random.Shared.NextDouble()), time, cancellationToken);
            }
        }
    }

    private async Task TickAsync(CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(SettlingTickInterval, time);
        while (await timer.WaitForNextTickAsync(cancellationToken))
        {
            await _items.Writer.WriteAsync(new Item(OnTick), cancellationToken);
            if (Settled && timer.Period != TickInterval)
            {
                timer.Period = TickInterval;
            }
        }
    }

    private async Task OwnAsync(CancellationToken cancellationToken)
    {
        changes.Muted = true;
        while (await _items.Reader.WaitToReadAsync(CancellationToken.None))
        {
            for (var taken = 0; taken < options.Value.QueueLength && _items.Reader.TryRead(out var item); taken++)
            {
                Handle(item);
            }

            try
            {
                AskNodes();
                if (!Settled && IsSettled())
                {
                    await SettleAsync(cancellationToken);
                }

                Flush(cancellationToken);
            }
            catch (Exception exception)
            {
                LogFailed(exception);
            }
        }

        await _sending;
        if (Settled)
        {
            await SendLastAsync();
        }
    }

    private void Handle(Item item)
    {
        try
        {
            if (item.Report is not null)
            {
                reports.Apply(item.Report);
                telemetry.Reported();
            }
            else
            {
                item.Action!();
            }
        }
        catch (Exception exception)
        {
            LogFailed(exception); // One bad report must not stop the others.
        }
    }

    private void OnTick()
    {
        if (Settled && time.GetElapsedTime(_lastTick) < TickInterval / 2)
        {
            return; // Left over from the quicker ticks of the start.
        }

        Volatile.Write(ref _lastTick, time.GetTimestamp());
        _countsDue = true;
        if (bus.IsConnected)
        {
            reports.Tick();
        }
        else
        {
            reports.KeepAlive();
        }

        map.EndStatuses();
        if (Settled)
        {
            takeOver.Tick();
            seen.Tick();
        }

        telemetry.Picture(reports.NodeCount, map.ConnectionCount, map.Users.Count, map.Rooms.Count);
    }

    private void AskNodes()
    {
        foreach (var nodeId in reports.ToAsk)
        {
            telemetry.Asked();
            bus.TrySendToNode(nodeId, new NodeBatch
            {
                From = identity.Id,
                Announce = new AnnounceRequest { ReplicaId = identity.Id, NodeIds = { nodeId } },
            });
        }

        reports.ToAsk.Clear();
    }

    private bool IsSettled() => _statusesRead && _announcedAt is { } announcedAt
        && (time.GetElapsedTime(announcedAt) >= options.Value.SettleLimit
            || (reports.Complete
                && time.GetElapsedTime(announcedAt) >= options.Value.SettleQuiet
                && time.GetElapsedTime(reports.LastAddition) >= options.Value.SettleQuiet));

    // What the nodes announced is not emitted as it comes. What of it the clients do not know, because there was no replica to tell it, is told room by
    // room (TakeOver); who shares a user is told again now.
    private async Task SettleAsync(CancellationToken cancellationToken)
    {
        changes.Clear();
        foreach (var user in map.Users.Values.Where(user => user.Nodes.Count > 1 || user.Chosen is not null))
        {
            changes.ForgetNodesOf(user.UserId);
        }

        changes.Muted = false;
        await replicas.JoinAsync(cancellationToken);
        takeOver.Begin();
        Settled = true;
        LogSettled(reports.NodeCount, map.ConnectionCount, map.Rooms.Count);
    }

    private void Flush(CancellationToken cancellationToken)
    {
        if (!Settled || _confirming || (changes.IsEmpty && !_countsDue))
        {
            return;
        }

        if (_countsDue && _unsent is { } unsent) // With the second's tick: a broker that is away is not asked without end.
        {
            sender.TellAgain(unsent);
            _unsent = null;
        }

        var sends = sender.Take(_countsDue);
        _countsDue = false;
        if (sends.Count > 0)
        {
            _confirming = true;
            _sending = SendAsync(sends, cancellationToken);
        }
    }

    private async Task SendAsync(IReadOnlyCollection<NodeSend> sends, CancellationToken cancellationToken)
    {
        try
        {
            if (!await sender.SendAsync(sends, cancellationToken))
            {
                _unsent = [.. _unsent ?? [], .. sends];
            }
        }
        finally
        {
            _confirming = false;
            _items.Writer.TryWrite(new Item(() => { })); // Wakes the loop for what came meanwhile; a full queue is awake.
        }
    }

    private async Task SendLastAsync()
    {
        using var deadline = new CancellationTokenSource(TickInterval, time);
        if (sender.Take(withCounts: true) is { Count: > 0 } sends)
        {
            await sender.SendAsync(sends, deadline.Token);
        }

        await seen.WriteLastAsync(deadline.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // Late is lost: the process stops.
    }

    /// <summary>A report, or something to do with the picture.</summary>
    private readonly struct Item
    {
        public Item(PresenceReport report) => Report = report;

        public Item(Action action) => Action = action;

        public PresenceReport? Report { get; }

        public Action? Action { get; }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The time to stop was over before the last changes were sent")]
    private partial void LogLate();

    [LoggerMessage(Level = LogLevel.Information, Message = "Presence is complete: {Nodes} nodes, {Connections} connections, {Rooms} rooms")]
    private partial void LogSettled(int nodes, int connections, int rooms);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The nodes could not be asked to announce themselves: {Reason}")]
    private partial void LogNotAsked(string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "A step of the presence loop failed; the next digests show what is missing")]
    private partial void LogFailed(Exception exception);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Stopped with {Connections} connections in the picture")]
    private partial void LogStopped(int connections);

    [LoggerMessage(Level = LogLevel.Debug, Message = "A report came after the stop")]
    private partial void LogIgnored();
}
