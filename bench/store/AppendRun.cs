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

    public static async Task RunAsync(string name, Func<IMessageStore> open, Func<Task>? settle = null)
    {
        await using var store = open();
        await store.InitializeAsync(CancellationToken.None);
        Array.Clear(Seqs);
        await store.AppendAsync([.. Enumerable.Range(0, Rooms).Select(Create)], CancellationToken.None);
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
            var entries = new LogEntry[size];
            for (var i = 0; i < size; i++)
            {
                entries[i] = Send((int)(_messages % Rooms));
            }

            if (lookup && (await store.FindByKeysAsync([.. entries.Select(entry => entry.Key)], CancellationToken.None)).Count > 0)
            {
                throw new InvalidOperationException("A fresh key was found.");
            }

            if (await store.AppendAsync(entries, CancellationToken.None) != AppendOutcome.Appended)
            {
                throw new InvalidOperationException("The only writer found a conflict.");
            }

            rows += size;
        }

        var elapsed = Stopwatch.GetElapsedTime(started);
        return (rows / elapsed.TotalSeconds, (Environment.CpuUsage.TotalTime - cpu).TotalMicroseconds / rows);
    }

    private static (double Rate, double Cpu) Median(List<(double Rate, double Cpu)> runs) => runs.OrderBy(run => run.Rate).ElementAt(runs.Count / 2);

    private static LogEntry Create(int room) => new($"room-{room}", "ana", "+room", new RoomEvent
    {
        Seq = ++Seqs[room], CreatedAtMs = 1, UserId = "ana", Username = "Ana", Room = new RoomCreated { Kind = "open" },
    });

    private static LogEntry Send(int room)
    {
        var id = Guid.CreateVersion7().ToString();
        return new LogEntry($"room-{room}", $"user-{_messages++ % 50}", $"~{id}", new RoomEvent
        {
            Seq = ++Seqs[room],
            CreatedAtMs = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(),
            UserId = "user-1",
            Username = "User One",
            Message = new MessageCreated { MessageId = id, Content = Content, Metadata = ByteString.Empty },
        });
    }
}
