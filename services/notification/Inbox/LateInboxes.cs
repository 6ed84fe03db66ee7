using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Notifications.Storage;
using Tertulia.Notifications.Threads;

namespace Tertulia.Notifications.Inbox;

/// <summary>Tells of counters and threads the devices that presence did not know yet when they were told (<see cref="LateNodes{TKey}"/>).</summary>
internal sealed partial class LateInboxes(UserEventSender users, NotificationStore store, TimeProvider time, ILogger<LateInboxes> logger) : BackgroundService
{
    private const int Attempts = 3;

    private readonly LateNodes<Told> _nodes = new(users, told => told.UserId, time);

    /// <summary>Devices were told.</summary>
    /// <param name="events">What.</param>
    /// <param name="nodes">Where each user was; who is absent was told of on all nodes.</param>
    public void Add(IEnumerable<UserEvent> events, Dictionary<string, IReadOnlyList<string>> nodes) =>
        _nodes.Add(events.Select(told => new Told(told.UserId, told.ThreadUnread?.RootId ?? "")).Distinct(), nodes);

    /// <summary>Looks for the users whose time has come.</summary>
    internal async Task LookAsync(CancellationToken cancellationToken)
    {
        if (_nodes.Wait is not { } wait || wait > TimeSpan.Zero || await _nodes.TakeAsync(cancellationToken) is not { Count: > 0 } late)
        {
            return;
        }

        // What changes in this very moment may be told before, and be overtaken: then it is told once more.
        var events = await ReadAsync(late.Keys, cancellationToken);
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            await _nodes.TellAsync(late, events, cancellationToken);
            var now = await ReadAsync(late.Keys, cancellationToken);
            if (now.SequenceEqual(events))
            {
                return;
            }

            events = now;
        }
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(LateNodes<Told>.Pause, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await TryToLookAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            LogStopped();
        }
    }

    private async Task TryToLookAsync(CancellationToken stoppingToken)
    {
        try
        {
            await LookAsync(stoppingToken);
        }
        catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
        {
            LogNotTold(exception); // An edge: these devices learn of it when they read it again.
        }
    }

    private Task<List<(Told Key, UserEvent Event)>> ReadAsync(IReadOnlyCollection<Told> keys, CancellationToken cancellationToken) => store.ReadAsync(
        async round =>
        {
            List<(Told, UserEvent)> events = [];
            foreach (var key in keys)
            {
                if (key.RootId.Length == 0)
                {
                    var count = new NotificationCount { Unread = (await round.Inbox.CountAsync(key.UserId)).Unread };
                    events.Add((key, new UserEvent { UserId = key.UserId, NotificationCount = count }));
                }
                else if (await round.Threads.FindAsync(key.RootId, key.UserId, FollowedThreads.MaxUnread) is { } thread)
                {
                    events.Add((key, new UserEvent { UserId = key.UserId, ThreadUnread = thread }));
                }
            }

            return events;
        },
        cancellationToken);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Devices that connected while their users were told something were not told; they learn of it when they read it again")]
    private partial void LogNotTold(Exception exception);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Late devices are no longer looked for")]
    private partial void LogStopped();

    /// <summary>What a user was told of.</summary>
    /// <param name="UserId">Who.</param>
    /// <param name="RootId">Of a thread; empty: the counter.</param>
    internal readonly record struct Told(string UserId, string RootId);
}
