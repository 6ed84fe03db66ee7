using System.Diagnostics;
using Google.Protobuf;
using Tertulia.Contracts;
using Tertulia.Messages.Storage;

namespace Tertulia.StoreBench;

/// <summary>One writer that appends flush after flush, each time with and without looking the keys up first, in turns.</summary>
internal static class AppendRun
{
    private const int Rooms = 20;
    private const int Rounds = 5; // Odd: the median is one of them.
    private static readonly int[] BatchSizes = [1, 20, 100, 1_000];
    private static readonly TimeSpan RoundTime = TimeSpan.FromSeconds(1.5);
    private static readonly string Content = new('x', 200);
    private static readonly long[] Seqs = new long[Rooms];
    private static long _messages;
    private static long _owner;

    public static async Task RunAsync(string name, Func<IMessageStore> open, Func<Task>? settle = null)
    {
        await using var store = open();
        await store.InitializeAsync(CancellationToken.None);
        Array.Clear(Seqs);
        _owner = await store.TakePartitionAsync(partition: 0, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(), CancellationToken.None);
        await AppendAsync(store, [.. Enumerable.Range(0, Rooms).Select(Create)]);
        foreach (var size in BatchSizes)
        {
            await MeasureAsync(store, size, lookup: true);
            if (settle is not null)
            {
                await settle();
            }

            var plain = new List<(double Rate, double Cpu)>();
            var looked = new List<(double Rate, double Cpu)>();
            for (var round = 0; round < Rounds; round++)
            {
                plain.Add(await MeasureAsync(store, size, lookup: false));
                looked.Add(await MeasureAsync(store, size, lookup: true));
            }

            var (append, both) = (Median(plain), Median(looked));
            Console.WriteLine($"| {name} | {size} | {append.Rate:N0} | {both.Rate:N0} | {append.Rate / both.Rate:F2} | {append.Cpu:F1} us | {both.Cpu:F1} us |");
        }
    }

    private static async Task<(double Rate, double CpuMicroseconds)> MeasureAsync(IMessageStore store, int size, bool lookup)
    {
        var rows = 0L;
        var cpu = Environment.CpuUsage.TotalTime;
        var started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) < RoundTime)
        {
            var entries = new (string RoomId, LogEntry Entry)[size];
            for (var i = 0; i < size; i++)
            {
                entries[i] = Send((int)(_messages % Rooms));
            }

            if (lookup && (await store.FindByKeysAsync([.. entries.Select(KeyOf)], CancellationToken.None)).Count > 0)
            {
                throw new InvalidOperationException("A fresh key was found.");
            }

            await AppendAsync(store, entries);

            rows += size;
        }

        var elapsed = Stopwatch.GetElapsedTime(started);
        return (rows / elapsed.TotalSeconds, (Environment.CpuUsage.TotalTime - cpu).TotalMicroseconds / rows);
    }

    private static EntryKey KeyOf((string RoomId, LogEntry Entry) of) => new(of.RoomId, of.Entry.SenderId, of.Entry.IdempotencyKey);

    private static async Task AppendAsync(IMessageStore store, (string RoomId, LogEntry Entry)[] entries)
    {
        var appends = entries.GroupBy(entry => entry.RoomId)
            .Select(room => new RoomAppend(Partition: 0, room.Key, _owner, [.. room.Select(entry => entry.Entry)])).ToArray();
        if (Array.Exists(await store.AppendAsync(appends, CancellationToken.None), outcome => outcome != AppendOutcome.Appended))
        {
            throw new InvalidOperationException("The only writer was refused.");
        }
    }

    private static (double Rate, double Cpu) Median(List<(double Rate, double Cpu)> runs) => runs.OrderBy(run => run.Rate).ElementAt(runs.Count / 2);

    private static (string RoomId, LogEntry Entry) Create(int room) => ($"room-{room}", new LogEntry("ana", "+room", new RoomEvent
    {
        Seq = ++Seqs[room], CreatedAtMs = 1, UserId = "ana", Username = "Ana", Room = new RoomCreated { Kind = "open" },
    }));

    private static (string RoomId, LogEntry Entry) Send(int room)
    {
        var id = Guid.CreateVersion7().ToString();
        return ($"room-{room}", new LogEntry($"user-{_messages++ % 50}", $"~{id}", new RoomEvent
        {
            Seq = ++Seqs[room],
            CreatedAtMs = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(),
            UserId = "user-1",
            Username = "User One",
            Message = new MessageCreated { MessageId = id, Content = Content, Metadata = ByteString.Empty },
        }));
    }
}
