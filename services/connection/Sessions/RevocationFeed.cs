using Grpc.Core;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;
using Tertulia.Contracts;

namespace Tertulia.Connections.Sessions;

/// <summary>Learns of revocations, twice a second, and closes whom they concern. A node that starts or was cut off reads on from where it was.</summary>
/// <remarks>It asks instead of being told: what was missed is learned in the same way, whatever was down. While the message service is away, no room can be
/// entered either.</remarks>
internal sealed partial class RevocationFeed(
    SecurityService.SecurityServiceClient security, Revocations revocations, SessionRegistry registry, RoomHub hub, TimeProvider time, ILogger<RevocationFeed> logger)
    : BackgroundService
{
    /// <summary>Between two questions.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    private const int RoundsPerSweep = 120;
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan SilentFor = TimeSpan.FromSeconds(10); // Longer than a start.

    private string _epoch = "";
    private long _after;

    /// <summary>What this node was just told is known here at once.</summary>
    public void Apply(Revocation revocation)
    {
        revocations.Add(revocation);
        Close([revocation]);
    }

    /// <summary>Reads what is new.</summary>
    /// <exception cref="RpcException">The message service does not answer.</exception>
    internal async Task ReadAsync(CancellationToken cancellationToken)
    {
        var (epoch, after, isAnew, hasMore) = (_epoch, _after, false, true);
        List<Revocation> read = [];
        while (hasMore)
        {
            var request = new ListRevocationsRequest { Epoch = epoch, After = after };
            var reply = await security.ListRevocationsAsync(request, deadline: DateTime.UtcNow + Deadline, cancellationToken: cancellationToken);
            if (reply.Anew)
            {
                (epoch, isAnew) = (reply.Epoch, true);
                read.Clear();
            }

            read.AddRange(reply.Revocations);
            (after, hasMore) = (reply.Revocations is [.., var last] ? last.Number : reply.Anew ? 0 : after, reply.HasMore);
        }

        (_epoch, _after) = (epoch, after);
        if (isAnew)
        {
            revocations.Reset(read);
        }
        else
        {
            read.ForEach(revocations.Add);
        }

        if (read.Count > 0)
        {
            Close(read);
        }
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var (answered, isTold) = (time.GetTimestamp(), false);
        try
        {
            for (var round = 1; ; round++)
            {
                try
                {
                    await ReadAsync(stoppingToken);
                    (answered, isTold) = (time.GetTimestamp(), false);
                }
                catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
                {
                    if (exception is not RpcException)
                    {
                        LogFailed(exception); // An edge: it goes on.
                    }
                    else if (!isTold && time.GetElapsedTime(answered) > SilentFor)
                    {
                        isTold = true;
                        LogAway(((RpcException)exception).Status.Detail);
                    }
                }

                if (round % RoundsPerSweep == 0)
                {
                    revocations.Sweep();
                }

                await Task.Delay(Interval, time, stoppingToken);
            }
        }
        catch (Exception exception) when (stoppingToken.IsCancellationRequested && exception is OperationCanceledException or RpcException)
        {
            return; // The node stops.
        }
    }

    private void Close(IReadOnlyCollection<Revocation> added)
    {
        using var batch = DeliveryBatch.Begin();
        foreach (var session in registry.Sessions)
        {
            if (session.Caller is { } caller && revocations.Revokes(caller))
            {
                TokenExpiry.CloseRevoked(session);
            }
        }

        foreach (var roomId in added.Select(revocation => revocation.RoomId).Where(roomId => roomId.Length > 0).Distinct(StringComparer.Ordinal))
        {
            foreach (var session in hub.Find(roomId)?.Sessions() ?? [])
            {
                if (session.Caller is { IsPrivileged: false } caller && revocations.Revokes(caller, roomId))
                {
                    TokenExpiry.CloseRevoked(session);
                }
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Revocations cannot be read; they take effect when the message service answers again: {Reason}")]
    private partial void LogAway(string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "Reading revocations failed")]
    private partial void LogFailed(Exception exception);
}
