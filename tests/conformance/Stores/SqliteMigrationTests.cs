using Google.Protobuf;
using Microsoft.Data.Sqlite;
using Tertulia.Contracts;
using Tertulia.Messages.Storage;
using Tertulia.Messages.Storage.Sql;

namespace Tertulia.Conformance.Stores;

/// <summary>A database of the versions before keeps all its messages, those of the former tail included.</summary>
public sealed class SqliteMigrationTests : IAsyncLifetime
{
    private readonly SqliteDatabase _database = new();

    private static string Translate(string migration) => migration
        .Replace("{id}", "text", StringComparison.Ordinal)
        .Replace("{bytes}", "blob", StringComparison.Ordinal)
        .Replace("{clustered}", "without rowid", StringComparison.Ordinal);

    private static CancellationToken Deadline => new CancellationTokenSource(TimeSpan.FromSeconds(60)).Token;

    public Task InitializeAsync() => _database.CreateAsync();

    public Task DisposeAsync() => _database.DropAsync();

    [Fact]
    public async Task What_the_tail_held_is_in_the_log_with_everything_else()
    {
        RoomScript[] rooms = [new("lobby"), new("other")];
        List<RoomEntry> log = [.. rooms[0].Opening(messages: 3), .. rooms[1].Opening(messages: 1)];
        List<RoomEntry> moved = [log[4]]; // The tail's oldest may be in the log already.
        List<RoomEntry> first = [.. moved, rooms[0].Said("bruno", "t1", "ñ 🎉"), rooms[1].Said("bruno", "t1")];
        List<RoomEntry> second = [rooms[0].Said("bruno", "t2"), rooms[0].Said("ana", "t3")];
        CreateOld(log, [first, second]);

        await using var store = new SqlMessageStore(new SqliteMessageDialect(_database.Options));
        await store.InitializeAsync(Deadline);

        List<RoomEntry> all = [.. log, .. first.Skip(1), .. second];
        foreach (var room in rooms)
        {
            var view = await store.ReadEventsAsync(room.RoomId, 1, long.MaxValue, ReadLimit.Of(100), Deadline);
            Assert.Equal(all.Where(entry => entry.RoomId == room.RoomId).Select(entry => entry.Event), view!.Events);
        }

        Assert.Equal("epoch234", store.Epoch);
        var loaded = await store.LoadAsync(["lobby", "other"], [], Deadline);
        Assert.Equal([(8L, 6L, "ana"), (4L, 2L, "ana")], rooms.Select(room => loaded.Rooms[room.RoomId]).Select(head => (head.LastSeq, head.Messages, head.CreatedBy)));
        Assert.Equal([new(new("lobby", 4), 2), new(new("lobby", 8), 6L)], await store.CountMessagesAsync([new("lobby", 4), new("lobby", 8)], Deadline));
        Assert.Equal(
            ["lobby 3", "lobby 6", "other 3", "other 4"],
            (await store.FindMessagesAsync(["id-ana-m1", "id-bruno-t1"], Deadline)).Select(found => $"{found.RoomId} {found.Message.Seq}").Order());
        Assert.Equal(2, (await store.FindByKeysAsync([second[0].Key, log[3].Key], Deadline)).Count);

        var owner = await store.TakePartitionAsync(0, nowMs: 1, Deadline);
        var next = new RoomAppend(0, "lobby", owner, [rooms[0].Said("ana", "next").Entry]);
        Assert.Equal([AppendOutcome.Appended], await store.AppendAsync([next], Deadline));
        Assert.Equal(7, (await store.LoadAsync(["lobby"], [], Deadline)).Rooms["lobby"].Messages);
        Assert.Equal(0L, Scalar("select count(*) from sqlite_master where name = 'log_tail'"));
    }

    /// <summary>As the version with the tail left it: its schema by its own migrations, its rows in its own format.</summary>
    private void CreateOld(IEnumerable<RoomEntry> log, IEnumerable<IReadOnlyList<RoomEntry>> tail)
    {
        SQLitePCL.Batteries_V2.Init();
        Run("pragma journal_mode = wal");
        Run("create table schema_migrations (version integer primary key, name text not null)");
        foreach (var name in (string[])["0001-rooms-and-their-logs", "0002-the-log-holds-the-messages", "0003-newest-messages.sqlite"])
        {
            using var sql = new StreamReader(typeof(SqliteMessageDialect).Assembly.GetManifestResourceStream(name)!);
            Run(Translate(sql.ReadToEnd()));
            Run("insert into schema_migrations (version, name) values ($version, $name)", ("$version", name[..4].TrimStart('0')), ("$name", name));
        }

        Run("insert into meta (key, value) values ('epoch', 'epoch234')");
        foreach (var entry in log)
        {
            Run(
                "insert into room_log (room_id, seq, kind, sender_id, idempotency_key, created_at_ms, body) values ($room, $seq, $kind, $sender, $key, $at, $body)",
                ("$room", entry.RoomId), ("$seq", entry.Event.Seq), ("$kind", (int)entry.Event.BodyCase), ("$sender", entry.Key.SenderId),
                ("$key", entry.Key.IdempotencyKey), ("$at", entry.Event.CreatedAtMs), ("$body", entry.Event.ToByteArray()));
            if (entry.Event.BodyCase == RoomEvent.BodyOneofCase.Room)
            {
                Run("insert into rooms (room_id, kind, members, created_at_ms) values ($room, 'open', 1, 1)", ("$room", entry.RoomId));
            }
        }

        foreach (var entries in tail)
        {
            using var row = new MemoryStream();
            var output = new CodedOutputStream(row);
            foreach (var entry in entries)
            {
                output.WriteString(entry.RoomId);
                output.WriteString(entry.Key.SenderId);
                output.WriteString(entry.Key.IdempotencyKey);
                output.WriteInt64(entry.Event.Seq);
                output.WriteInt64(entry.Event.CreatedAtMs);
                output.WriteMessage(entry.Event);
            }

            output.Flush();
            Run("insert into log_tail (entries) values ($entries)", ("$entries", row.ToArray()));
        }
    }

    private void Run(string sql, params ReadOnlySpan<(string Name, object Value)> parameters)
    {
        using var connection = new SqliteConnection($"Data Source={_database.FilePath};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        foreach (var (name, value) in parameters)
        {
            command.Parameters.AddWithValue(name, value);
        }

        command.ExecuteNonQuery();
    }

    private object? Scalar(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={_database.FilePath};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }
}
