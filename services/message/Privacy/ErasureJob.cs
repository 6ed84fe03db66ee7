using Grpc.Core;
using Tertulia.Contracts;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Partitions;
using Tertulia.Messages.Searching;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Privacy;

/// <summary>Deletes users' data, step by step, wherever whoever died had come to. The rooms of a partition are its owner's business.</summary>
/// <remarks>In a room: the user's messages are deleted by entries of their own, so that clients and followers see it; then the names and texts that are left go out of the
/// entries; then the user leaves. After the rooms presence forgets the user, and the notification service asks who is to be forgotten.</remarks>
internal sealed partial class ErasureJob(
    MessageDatabase database, FlushLoops loops, OwnedPartitions owned, ISearchIndex index, PresenceService.PresenceServiceClient presence,
    StoreStart<IMessageStore> start, TimeProvider time, ILogger<ErasureJob> logger) : BackgroundService
{
    /// <summary>Time between two looks.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>From the request on, until the user's sessions are closed everywhere and what they sent is written.</summary>
    public static readonly TimeSpan Settling = TimeSpan.FromSeconds(5);

    private const int AtOnce = 100;
    private const int RoomsAtOnce = 500;
    private const int Window = 1_000; // Entries of a step.
    private const int MessagesInCommand = 100;
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(10);

    private IErasures Erasures => database.Erasures;

    private IUserData Data => database.UserData;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await start.Initialized.WaitAsync(stoppingToken);
            using var timer = new PeriodicTimer(Interval, time);
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await TryAsync(stoppingToken);
            }
        }
        catch (Exception exception) when (stoppingToken.IsCancellationRequested && exception is OperationCanceledException or RpcException)
        {
            LogStopped();
        }
    }

    private async Task TryAsync(CancellationToken cancellationToken)
    {
        try
        {
            foreach (var erasure in await Erasures.ListOpenAsync(AtOnce, cancellationToken))
            {
                if (time.GetUtcNow() - DateTimeOffset.FromUnixTimeMilliseconds(erasure.RequestedAtMs) >= Settling)
                {
                    await GoOnAsync(erasure, cancellationToken);
                }
            }
        }
        catch (Exception exception) when (exception is StoreUnavailableException or RpcException && !cancellationToken.IsCancellationRequested)
        {
            LogWaits(exception);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            LogFailed(exception); // An edge: it looks again.
        }
    }

    private async Task GoOnAsync(Erasure erasure, CancellationToken cancellationToken)
    {
        if (!erasure.RoomsDone)
        {
            var parts = await Erasures.ReadPartsAsync(erasure.UserId, cancellationToken);
            foreach (var part in parts.Where(part => !part.IsDone))
            {
                await EraseRoomsAsync(erasure, part, cancellationToken);
            }

            if (parts.All(part => part.IsDone))
            {
                await NoteAsync(erasure, ErasureStep.Rooms, cancellationToken);
            }

            return;
        }

        if (owned.EpochOf(Partitioner.PartitionOf(erasure.UserId, owned.Count)) == 0)
        {
            return; // Another replica does the rest.
        }

        if (!erasure.PresenceDone)
        {
            await presence.ForgetUserAsync(new ForgetUserRequest { UserId = erasure.UserId }, deadline: DateTime.UtcNow + Deadline, cancellationToken: cancellationToken);
            await NoteAsync(erasure, ErasureStep.Presence, cancellationToken);
        }
        else if (erasure.NotificationsDone)
        {
            await NoteAsync(erasure, ErasureStep.All, cancellationToken);
        }
    }

    private Task NoteAsync(Erasure erasure, ErasureStep step, CancellationToken cancellationToken) =>
        Erasures.NoteAsync(erasure.UserId, step, time.GetUtcNow().ToUnixTimeMilliseconds(), cancellationToken);

    private async Task EraseRoomsAsync(Erasure erasure, ErasurePart part, CancellationToken cancellationToken)
    {
        while (!part.IsDone && owned.EpochOf(part.Partition) > 0)
        {
            var next = part.Seq == long.MaxValue ? await NextRoomAsync(erasure, part, cancellationToken) : await NextStepAsync(erasure, part, cancellationToken);
            if (next is not { } moved)
            {
                return; // The partition has another owner: it goes on.
            }

            part = moved;
            await Erasures.MoveAsync(erasure.UserId, part, cancellationToken);
        }
    }

    /// <summary>The next room of the partition in which the user is or was, among the next ones.</summary>
    private async Task<ErasurePart?> NextRoomAsync(Erasure erasure, ErasurePart part, CancellationToken cancellationToken)
    {
        var page = await Data.ListRoomsAsync(part.RoomId, RoomsAtOnce, cancellationToken);
        string[] mine = [.. page.Items.Where(roomId => Partitioner.PartitionOf(roomId, owned.Count) == part.Partition)];
        var found = mine.Length > 0 ? await Data.FindRoomsAsync(erasure.UserId, mine, cancellationToken) : [];
        return found is [var first, ..] ? part with { RoomId = first.RoomId, Seq = 0 }
            : page.HasMore ? part with { RoomId = page.Items[^1] }
            : part with { IsDone = true };
    }

    /// <summary>A part of the room, or the user's leaving it. Null: it could not be done here.</summary>
    private async Task<ErasurePart?> NextStepAsync(Erasure erasure, ErasurePart part, CancellationToken cancellationToken)
    {
        if (await Data.FindRoomsAsync(erasure.UserId, [part.RoomId], cancellationToken) is not [var room])
        {
            return part with { Seq = long.MaxValue };
        }

        if (part.Seq >= room.LastSeq)
        {
            return await LeaveAsync(erasure, part, room, cancellationToken);
        }

        var to = part.Seq + Window;
        var messages = erasure.KeepsMessages ? [] : await Data.FindMessagesAsync(part.RoomId, erasure.UserId, part.Seq, to, cancellationToken);
        foreach (var some in messages.Chunk(MessagesInCommand))
        {
            await RunAsync(erasure, part, new EraseUser { UserId = erasure.UserId, MessageIds = { some } }, cancellationToken);
        }

        if (messages.Count > 0 && (await Data.FindMessagesAsync(part.RoomId, erasure.UserId, part.Seq, to, cancellationToken)).Count > 0)
        {
            return null;
        }

        await Data.EraseAsync(part.RoomId, erasure.UserId, part.Seq, to, erasure.KeepsMessages, cancellationToken);
        await index.ForgetNameAsync(part.RoomId, erasure.UserId, part.Seq, to, cancellationToken);
        return part with { Seq = Math.Min(to, room.LastSeq) };
    }

    private async Task<ErasurePart?> LeaveAsync(Erasure erasure, ErasurePart part, UserRoom room, CancellationToken cancellationToken)
    {
        if (!room.IsDeleted)
        {
            await RunAsync(erasure, part, new EraseUser { UserId = erasure.UserId, Leaves = true }, cancellationToken);
            if (owned.EpochOf(part.Partition) == 0)
            {
                return null;
            }
        }

        await Data.ForgetAsync(part.RoomId, erasure.UserId, cancellationToken);
        return part with { Seq = long.MaxValue };
    }

    private Task RunAsync(Erasure erasure, ErasurePart part, EraseUser erase, CancellationToken cancellationToken) => loops.RunAsync(
        part.Partition,
        [new Command { RoomId = part.RoomId, Actor = new Actor { UserId = erasure.RequestedBy, Role = "service" }, EraseUser = erase }],
        cancellationToken);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Deleting users' data waits: the store or presence does not answer")]
    private partial void LogWaits(Exception exception);

    [LoggerMessage(Level = LogLevel.Error, Message = "Deleting users' data failed; it is tried again")]
    private partial void LogFailed(Exception exception);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Users' data are no longer deleted here")]
    private partial void LogStopped();
}
