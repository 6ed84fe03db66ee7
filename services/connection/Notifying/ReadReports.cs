using Grpc.Core;
using Tertulia.Contracts;

namespace Tertulia.Connections.Notifying;

/// <summary>Tells the notification service, once a second, how far users of this node have read rooms: what is about them there needs no notification any more.</summary>
/// <remarks>At most once: what is lost leaves a notification unread that its user has seen.</remarks>
internal sealed partial class ReadReports(NotificationService.NotificationServiceClient notifications, TimeProvider time, ILogger<ReadReports> logger) : BackgroundService
{
    /// <summary>Time between two reports.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private const int MaxInReport = 1_000;
    private const int MaxWaiting = 20_000;
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private Dictionary<(string UserId, string RoomId), long> _reads = [];

    /// <summary>A user's mark is durable.</summary>
    public void Add(string userId, string roomId, long seq)
    {
        lock (_lock)
        {
            if (seq > 0 && (_reads.Count < MaxWaiting || _reads.ContainsKey((userId, roomId))))
            {
                _reads[(userId, roomId)] = Math.Max(seq, _reads.GetValueOrDefault((userId, roomId)));
            }
        }
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await ReportAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            return;
        }
    }

    private async Task ReportAsync(CancellationToken cancellationToken)
    {
        Dictionary<(string UserId, string RoomId), long> reads;
        lock (_lock)
        {
            if (_reads.Count == 0)
            {
                return;
            }

            (reads, _reads) = (_reads, []);
        }

        foreach (var part in reads.Chunk(MaxInReport))
        {
            var request = new MarkRoomsReadRequest();
            request.Rooms.AddRange(part.Select(read => new RoomRead { UserId = read.Key.UserId, RoomId = read.Key.RoomId, Seq = read.Value }));
            try
            {
                await notifications.MarkRoomsReadAsync(request, deadline: DateTime.UtcNow + Deadline, cancellationToken: cancellationToken);
            }
            catch (RpcException exception)
            {
                LogLost(exception, part.Length);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Reads} reads of rooms were not told to the notification service")]
    private partial void LogLost(Exception exception, int reads);
}
