using System.Threading.Channels;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Announcing;

/// <summary>Tells the presence replicas who is connected here: changes as they happen (what happens during one report goes with the next), a
/// heartbeat every few seconds, and the whole picture when a replica asks for it.</summary>
internal sealed partial class PresenceReporter(
    ILiveBus bus, ProcessIdentity node, TimeProvider time, ILogger<PresenceReporter> logger) : BackgroundService
{
    /// <summary>Time between heartbeats. A node that was silent three times as long counts as dead.</summary>
    public static readonly TimeSpan HeartbeatInterval = TimeSpan.FromSeconds(5);

    private const int MaxInReport = 1000; // A replica handles one report at a time: the others should not wait long.
    private const int MaxReportBytes = 512 * 1024; // One entry may go above it; a report stays far below a mebibyte.
    private const int LeastReportBytes = 4 * 1024;
    private static readonly TimeSpan LastReportDeadline = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ReportPatience = TimeSpan.FromMilliseconds(100);

    private readonly HeldConnections _held = new();
    private readonly Channel<bool> _wake = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly Lock _waitersLock = new();
    private TaskCompletionSource? _reported;
    private int _maxReportBytes = MaxReportBytes; // Less when the broker took less. Of the loop only.
    private ulong _version;
    private bool _heartbeatDue = true;
    private bool _wholeDue;

    public void Open(string connectionId, string userId, string username)
    {
        _held.Open(connectionId, userId, username);
        Wake();
    }

    public void Close(string connectionId)
    {
        _held.Close(connectionId);
        Wake();
    }

    public void Enter(string connectionId, string roomId, bool isAuditorium = false)
    {
        _held.Enter(connectionId, roomId, isAuditorium);
        Wake();
    }

    public void Leave(string connectionId, string roomId)
    {
        _held.Leave(connectionId, roomId);
        Wake();
    }

    public void SetAway(string connectionId, bool isAway)
    {
        _held.SetAway(connectionId, isAway);
        Wake();
    }

    public void SetFocus(string connectionId, string roomId)
    {
        _held.SetFocus(connectionId, roomId);
        Wake();
    }

    /// <summary>A room in which connections of this node are has become an auditorium, or is none any more.</summary>
    public void SetAuditorium(string roomId, bool isAuditorium)
    {
        _held.SetAuditorium(roomId, isAuditorium);
        Wake();
    }

    public void Watch(string userId)
    {
        _held.Watch(userId);
        Wake();
    }

    public void Unwatch(string userId)
    {
        _held.Unwatch(userId);
        Wake();
    }

    /// <summary>Members of this room were shown a list that is not complete: the replica that tells the room's changes tells all of its users.</summary>
    public void Review(string roomId)
    {
        _held.Review(roomId);
        Wake();
    }

    /// <summary>A presence replica wants the whole picture.</summary>
    public void OnAnnounceRequest(AnnounceRequest request)
    {
        if (request.NodeIds.Count == 0 || request.NodeIds.Contains(node.Id))
        {
            Volatile.Write(ref _wholeDue, true);
            Wake();
        }
    }

    /// <summary>Completes when the replicas were told what happened before the call, or could not be told.</summary>
    public Task ReportedAsync()
    {
        lock (_waitersLock)
        {
            _reported ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            Wake();
            return _reported.Task;
        }
    }

    /// <summary>Waits a moment for <see cref="ReportedAsync"/>. The replicas send changes to this node from the moment they know what it reported: asking them
    /// earlier could miss one. Throws only when it is cancelled.</summary>
    public async Task ReportedSoonAsync(CancellationToken cancellationToken)
    {
        await ReportedAsync().WaitAsync(ReportPatience, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
    }

    /// <inheritdoc />
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(LastReportDeadline);
        try
        {
            await bus.PublishPresenceAsync(NewReport(changes: true, report => report.Gone = new NodeGone()), deadline.Token);
        }
        catch (Exception exception) when (exception is BusUnavailableException or OperationCanceledException)
        {
            LogNotReported(exception); // The replicas notice it by the missing heartbeat.
        }
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await using var heartbeat = time.CreateTimer(_ => OnHeartbeatDue(), null, HeartbeatInterval, HeartbeatInterval);
        Wake();
        try
        {
            while (await _wake.Reader.WaitToReadAsync(stoppingToken))
            {
                _wake.Reader.TryRead(out _);
                await ReportAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            return; // StopAsync says the rest.
        }
    }

    private void OnHeartbeatDue()
    {
        Volatile.Write(ref _heartbeatDue, true);
        Wake();
    }

    private async Task ReportAsync(CancellationToken cancellationToken)
    {
        TaskCompletionSource? waiters;
        lock (_waitersLock)
        {
            (waiters, _reported) = (_reported, null);
        }

        var heartbeat = Interlocked.Exchange(ref _heartbeatDue, false);
        var taken = _held.Take(Interlocked.Exchange(ref _wholeDue, false));
        try
        {
            await ReportChangesAsync(taken, cancellationToken);
            await ReportWholeAsync(taken, cancellationToken);
            if (heartbeat)
            {
                var body = new PresenceHeartbeat { Digest = taken.Digest, Connections = taken.Count };
                await bus.PublishPresenceAsync(NewReport(changes: false, report => report.Heartbeat = body), cancellationToken);
            }
        }
        catch (BusUnavailableException exception)
        {
            LogNotReported(exception);
            Volatile.Write(ref _wholeDue, true); // With the next heartbeat: what was lost is in the whole picture.
        }
        catch (MessageTooLargeException exception)
        {
            LogTooLarge(exception, _maxReportBytes);
            Volatile.Write(ref _wholeDue, true);
            if (_maxReportBytes > LeastReportBytes)
            {
                _maxReportBytes /= 2;
                Wake(); // Else with the next heartbeat: nothing smaller can be made.
            }
        }
        finally
        {
            waiters?.TrySetResult();
        }
    }

    private async Task ReportChangesAsync(HeldChanges taken, CancellationToken cancellationToken)
    {
        if (taken.Overflowed)
        {
            _version++; // A replica that does not get what follows must notice the hole.
        }

        foreach (var part in Cut(taken.Changes, change => change.CalculateSize(), _maxReportBytes))
        {
            var delta = new PresenceDelta { Changes = { part } };
            Telemetry.BatchSize.Record(delta.Changes.Count, Telemetry.PresenceStage);
            await bus.PublishPresenceAsync(NewReport(changes: true, report => report.Delta = delta), cancellationToken);
        }
    }

    private async Task ReportWholeAsync(HeldChanges taken, CancellationToken cancellationToken)
    {
        if (taken.Connections is not { } connections)
        {
            return;
        }

        List<PresenceSnapshot> parts =
        [
            .. Cut(connections.SelectMany(SplitRooms), connection => connection.CalculateSize(), _maxReportBytes).Select(some => new PresenceSnapshot { Connections = { some } }),
            .. Cut(taken.Watched, userId => 3 * userId.Length, _maxReportBytes).Select(some => new PresenceSnapshot { Watched = { some } }),
            .. Cut(taken.Auditoriums, roomId => 3 * roomId.Length, _maxReportBytes).Select(some => new PresenceSnapshot { Auditoriums = { some } }),
        ];
        if (parts.Count == 0)
        {
            parts.Add(new PresenceSnapshot());
        }

        for (var part = 0; part < parts.Count; part++)
        {
            var snapshot = parts[part];
            (snapshot.Part, snapshot.Parts) = ((uint)part, (uint)parts.Count);
            await bus.PublishPresenceAsync(NewReport(changes: false, report => report.Snapshot = snapshot), cancellationToken);
        }
    }

    /// <summary>Consecutive runs whose bytes stay within a report.</summary>
    private static IEnumerable<List<T>> Cut<T>(IEnumerable<T> all, Func<T, int> sizeOf, int maxBytes)
    {
        const int Framing = 8; // Tag and length of an element.
        var (run, bytes) = (new List<T>(), 0);
        foreach (var one in all)
        {
            var size = sizeOf(one) + Framing;
            if (run.Count == MaxInReport || (run.Count > 0 && bytes + size > maxBytes))
            {
                yield return run;
                (run, bytes) = ([], 0);
            }

            run.Add(one);
            bytes += size;
        }

        if (run.Count > 0)
        {
            yield return run;
        }
    }

    /// <summary>A connection in very many rooms, as several that are each in some of them.</summary>
    private IEnumerable<PresentConnection> SplitRooms(PresentConnection connection)
    {
        var maxRooms = _maxReportBytes / 256; // Room ids have 128 characters at most: about half of a report.
        if (connection.RoomIds.Count <= maxRooms)
        {
            return [connection];
        }

        return connection.RoomIds.Chunk(maxRooms).Select(rooms => new PresentConnection
        {
            ConnectionId = connection.ConnectionId, UserId = connection.UserId, Username = connection.Username, Away = connection.Away, RoomIds = { rooms },
        });
    }

    private PresenceReport NewReport(bool changes, Action<PresenceReport> body)
    {
        var report = new PresenceReport { NodeId = node.Id, Version = changes ? ++_version : _version };
        body(report);
        return report;
    }

    private void Wake() => _wake.Writer.TryWrite(true);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The presence replicas could not be told of this node's connections")]
    private partial void LogNotReported(Exception exception);

    [LoggerMessage(Level = LogLevel.Error, Message = "The broker refuses a report of this node's connections, of about {Bytes} bytes: smaller ones are made")]
    private partial void LogTooLarge(Exception exception, int bytes);
}
