using BenchmarkDotNet.Attributes;
using Tertulia.Contracts;
using Tertulia.Messages.Storage;
using Tertulia.Messages.Storage.Sql;

namespace Tertulia.MicroBench;

/// <summary>One flush into SQLite, a message for each room; making the entries is in the figures. With <c>Full</c> most of the time is the disk's.</summary>
public class StoreAppends
{
    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"tertulia-micro-{Guid.NewGuid():N}");
    private IMessageStore? _store;
    private long _owner;
    private long _seq;

    [Params(1, 10, 100)]
    public int Rooms { get; set; }

    [Params(SqliteSynchronous.Full, SqliteSynchronous.Normal)]
    public SqliteSynchronous Synchronous { get; set; }

    [GlobalSetup]
    public async Task OpenAsync()
    {
        Directory.CreateDirectory(_folder);
        _store = new SqlMessageStore(new SqliteMessageDialect(new StoreOptions { Path = Path.Combine(_folder, "messages.db"), Synchronous = Synchronous }));
        await _store.InitializeAsync(CancellationToken.None);
        _owner = await _store.TakePartitionAsync(partition: 0, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(), CancellationToken.None);
        await AppendAsync(seq => new LogEntry("ana", "+room", new RoomEvent
        {
            Seq = seq, CreatedAtMs = 1, UserId = "ana", Username = "Ana", Room = new RoomCreated { Kind = "open" },
        }));
    }

    [GlobalCleanup]
    public async Task CloseAsync()
    {
        await _store!.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Benchmark]
    public Task Flush() => AppendAsync(seq =>
    {
        var entry = Lobby.Message(seq);
        return new LogEntry(entry.UserId, $"~{entry.Message.MessageId}", entry);
    });

    private async Task AppendAsync(Func<long, LogEntry> make)
    {
        _seq++;
        var appends = new RoomAppend[Rooms];
        for (var room = 0; room < Rooms; room++)
        {
            appends[room] = new RoomAppend(Partition: 0, $"room-{room}", _owner, [make(_seq)]);
        }

        if (Array.Exists(await _store!.AppendAsync(appends, CancellationToken.None), outcome => outcome != AppendOutcome.Appended))
        {
            throw new InvalidOperationException("The only writer was refused.");
        }
    }
}
