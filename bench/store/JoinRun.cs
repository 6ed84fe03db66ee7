using System.Collections.Concurrent;
using System.Diagnostics;
using System.Reflection;
using Google.Protobuf;
using Microsoft.Extensions.Options;
using Tertulia.Contracts;
using Tertulia.Messages.History;
using Tertulia.Messages.Reading;
using Tertulia.Messages.Storage;

namespace Tertulia.StoreBench;

/// <summary>What joins read of busy rooms (snapshot and read mark), while others write there: with the newest pages in memory and without, in turns.</summary>
internal static class JoinRun
{
    private const int Rooms = 10;
    private const int Users = 500; // Members of each room.
    private const int Messages = 200; // In each room at first.
    private const int Rounds = 5; // Odd: the median is one of them.
    private const int Callers = 64; // Joins under way.
    private static readonly TimeSpan RoundTime = TimeSpan.FromSeconds(2);
    private static readonly string Content = new('x', 120);
    private static readonly long[] Seqs = new long[Rooms];

    public static void Head()
    {
        Console.WriteLine("| store | messages/s | pages in memory | joins/s | p50 | p99 | statements per join | CPU of the service per join | CPU of the store per join |");
        Console.WriteLine("|---|--:|---|--:|--:|--:|--:|--:|--:|");
    }

    /// <param name="name">Of the store.</param>
    /// <param name="store">Opened and empty.</param>
    /// <param name="marks">Of the same database.</param>
    /// <param name="reads">Of the same database.</param>
    /// <param name="storeCpu">What the processes of the store have used until now.</param>
    public static async Task RunAsync(string name, IMessageStore store, IReadMarks marks, IRoomReads reads, Func<TimeSpan> storeCpu)
    {
        var owner = await store.TakePartitionAsync(partition: 0, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(), CancellationToken.None);
        for (var room = 0; room < Rooms; room++)
        {
            Seqs[room] = 0;
            await AppendAsync(store, owner, room, [
                .. new[] { new RoomEvent { Room = new RoomCreated { Kind = "open" } } },
                .. Enumerable.Range(0, Users).Select(user => new RoomEvent { Member = new MemberChanged { UserId = $"user-{user}", Role = "member", Members = (uint)user + 1 } }),
                .. Enumerable.Range(0, Messages).Select(_ => Sent())]);
        }

        foreach (var rate in (int[])[0, 20, 200])
        {
            var (with, without) = (new List<Result>(), new List<Result>());
            await MeasureAsync(store, marks, reads, owner, rate, cached: true, storeCpu);
            for (var round = 0; round < Rounds; round++)
            {
                without.Add(await MeasureAsync(store, marks, reads, owner, rate, cached: false, storeCpu));
                with.Add(await MeasureAsync(store, marks, reads, owner, rate, cached: true, storeCpu));
            }

            foreach (var (what, runs) in (ReadOnlySpan<(string, List<Result>)>)[("no", without), ("yes", with)])
            {
                var run = runs.OrderBy(run => run.Joins).ElementAt(Rounds / 2);
                Console.WriteLine($"| {name} | {rate} | {what} | {run.Joins:N0} | {run.Median:F1} ms | {run.P99:F1} ms | {run.Statements:F2} | {run.Cpu:F0} us | {run.StoreCpu:F0} us |");
            }
        }
    }

    private static async Task<Result> MeasureAsync(IMessageStore store, IReadMarks marks, IRoomReads rooms, long owner, int rate, bool cached, Func<TimeSpan> storeCpu)
    {
        var (watched, watchedMarks) = (Counted<IMessageStore>.Of(store), Counted<IReadMarks>.Of(marks));
        var reads = Options.Create(new ReadOptions { CachedBytes = cached ? 64 * 1024 * 1024 : 0 });
        var snapshots = new Snapshots(watched, Counted<IRoomReads>.Of(rooms), new RecentRooms(watched, reads, TimeProvider.System), TimeProvider.System);
        var unread = cached ? new UnreadCounts(watchedMarks) : null;
        using var gate = new ReadGate(reads);
        var times = new ConcurrentBag<double>();
        Counted<IMessageStore>.Calls = Counted<IReadMarks>.Calls = Counted<IRoomReads>.Calls = 0;
        var (cpu, ofStore, started) = (Environment.CpuUsage.TotalTime, storeCpu(), Stopwatch.GetTimestamp());
        var writer = rate == 0 ? Task.CompletedTask : Task.Run(async () =>
        {
            using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1.0 / rate));
            for (var room = 0; Stopwatch.GetElapsedTime(started) < RoundTime; room = (room + 1) % Rooms)
            {
                await AppendAsync(store, owner, room, [Sent()]);
                await timer.WaitForNextTickAsync();
            }
        });
        await Task.WhenAll(Enumerable.Range(0, Callers).Select(caller => Task.Run(async () =>
        {
            var random = new Random(caller);
            while (Stopwatch.GetElapsedTime(started) < RoundTime)
            {
                var at = Stopwatch.GetTimestamp();
                var request = new GetSnapshotRequest
                {
                    RoomId = $"room-{random.Next(Rooms)}", Actor = new Actor { UserId = $"user-{random.Next(Users)}" }, History = 50,
                };
                var snapshot = await gate.RunAsync(async () =>
                {
                    var shown = await snapshots.GetAsync(request, CancellationToken.None);
                    if (unread is not null)
                    {
                        return await unread.AddToAsync(shown, request);
                    }

                    await watchedMarks.ReadAsync([new MemberKey(request.RoomId, request.Actor.UserId)], CancellationToken.None); // Each for itself.
                    return shown;
                }, CancellationToken.None);
                _ = snapshot.ToByteArray();
                times.Add(Stopwatch.GetElapsedTime(at).TotalMilliseconds);
            }
        })));
        await writer;
        var elapsed = Stopwatch.GetElapsedTime(started);
        var sorted = times.Order().ToArray();
        var statements = Counted<IMessageStore>.Calls + Counted<IReadMarks>.Calls + Counted<IRoomReads>.Calls;
        return new Result(
            sorted.Length / elapsed.TotalSeconds, sorted[sorted.Length / 2], sorted[sorted.Length * 99 / 100], (double)statements / sorted.Length,
            (Environment.CpuUsage.TotalTime - cpu).TotalMicroseconds / sorted.Length, (storeCpu() - ofStore).TotalMicroseconds / sorted.Length);
    }

    private static async Task AppendAsync(IMessageStore store, long owner, int room, RoomEvent[] events)
    {
        var entries = new LogEntry[events.Length];
        for (var i = 0; i < events.Length; i++)
        {
            (events[i].Seq, events[i].UserId, events[i].Username, events[i].CreatedAtMs) = (++Seqs[room], "user-1", "User One", DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());
            entries[i] = new LogEntry("user-1", $"~{Seqs[room]}", events[i]);
        }

        if ((await store.AppendAsync([new RoomAppend(Partition: 0, $"room-{room}", owner, entries)], CancellationToken.None))[0] != AppendOutcome.Appended)
        {
            throw new InvalidOperationException("The only writer was refused.");
        }
    }

    private static RoomEvent Sent() => new() { Message = new MessageCreated { MessageId = Guid.CreateVersion7().ToString(), Content = Content } };

    private readonly record struct Result(double Joins, double Median, double P99, double Statements, double Cpu, double StoreCpu);

    /// <summary>Counts what is asked of a port.</summary>
    internal class Counted<T> : DispatchProxy where T : class
    {
        private static long _calls;
        private T _target = null!;

        public static long Calls
        {
            get => Volatile.Read(ref _calls);
            set => Volatile.Write(ref _calls, value);
        }

        public static T Of(T target)
        {
            var proxy = Create<T, Counted<T>>();
            ((Counted<T>)(object)proxy)._target = target;
            return proxy;
        }

        protected override object? Invoke(MethodInfo? method, object?[]? args)
        {
            if (method!.Name.EndsWith("Async", StringComparison.Ordinal))
            {
                Interlocked.Increment(ref _calls);
            }

            return method.Invoke(_target, args);
        }
    }
}
