using System.Data.Common;
using System.Globalization;

namespace Tertulia.Messages.Storage.Sql;

/// <summary>Deletions of users' data on SQLite or PostgreSQL, in the message store's own database.</summary>
internal sealed class SqlErasures(ISqlDialect dialect) : IErasures
{
    private const string Columns = """
        select user_id, requested_by, keeps_messages, requested_at_ms, rooms_done, presence_done, notifications_done, completed_at_ms from user_erasures
        """;

    private const string Begin = """
        insert into user_erasures (user_id, requested_by, keeps_messages, requested_at_ms, rooms_done, presence_done, notifications_done, completed_at_ms)
        values (@user, @by, @keeps, @at, false, false, false, 0)
        on conflict (user_id) do update set requested_by = excluded.requested_by, keeps_messages = excluded.keeps_messages,
            requested_at_ms = excluded.requested_at_ms, rooms_done = false, presence_done = false, notifications_done = false, completed_at_ms = 0
        where user_erasures.completed_at_ms <> 0
        """;

    public Task BeginAsync(Erasure erasure, int partitions, AuditRecord record, CancellationToken cancellationToken) => dialect.TryAsync(
        () => dialect.WriteAsync(async command =>
        {
            Add(command, ("user", erasure.UserId), ("by", erasure.RequestedBy), ("keeps", erasure.KeepsMessages), ("at", erasure.RequestedAtMs));
            command.CommandText = Begin;
            if (await command.ExecuteNonQueryAsync(CancellationToken.None) == 0)
            {
                return false; // It goes on already.
            }

            command.Parameters.Clear();
            Add(command, ("user", erasure.UserId));
            command.CommandText = "delete from user_erasure_parts where user_id = @user";
            await command.ExecuteNonQueryAsync(CancellationToken.None);
            command.Parameters.Clear();
            Add(command, ("user", erasure.UserId), ("end", long.MaxValue));
            dialect.AddRows(command, "parts", [.. Enumerable.Range(0, partitions).Select(partition => partition.ToString(CultureInfo.InvariantCulture))]);
            command.CommandText = $"""
                insert into user_erasure_parts (user_id, partition, room_id, seq, done)
                select @user, cast(p.partition as integer), '', @end, false from {dialect.RowsTable("parts", "partition")} p
                """;
            await command.ExecuteNonQueryAsync(CancellationToken.None);

            command.Parameters.Clear();
            await SqlAuditLog.AddAsync(command, record);
            return true;
        }), cancellationToken);

    public Task<Erasure?> FindAsync(string userId, CancellationToken cancellationToken) => dialect.TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync();
        await using var command = connection.CreateCommand($"{Columns} where user_id = @user", ("user", userId));
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        return await reader.ReadAsync(CancellationToken.None) ? Read(reader) : null;
    }, cancellationToken);

    public Task<IReadOnlyList<Erasure>> ListOpenAsync(int limit, CancellationToken cancellationToken) => dialect.TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync();
        await using var command = connection.CreateCommand($"{Columns} where completed_at_ms = 0 order by requested_at_ms limit @limit", ("limit", limit));
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        List<Erasure> open = [];
        while (await reader.ReadAsync(CancellationToken.None))
        {
            open.Add(Read(reader));
        }

        return (IReadOnlyList<Erasure>)open;
    }, cancellationToken);

    public Task<IReadOnlyList<ErasurePart>> ReadPartsAsync(string userId, CancellationToken cancellationToken) => dialect.TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync();
        await using var command = connection.CreateCommand(
            "select partition, room_id, seq, done from user_erasure_parts where user_id = @user order by partition", ("user", userId));
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        List<ErasurePart> parts = [];
        while (await reader.ReadAsync(CancellationToken.None))
        {
            parts.Add(new ErasurePart(reader.GetInt32(0), reader.GetString(1), reader.GetInt64(2), reader.GetBoolean(3)));
        }

        return (IReadOnlyList<ErasurePart>)parts;
    }, cancellationToken);

    public Task MoveAsync(string userId, ErasurePart part, CancellationToken cancellationToken) => dialect.TryAsync(
        () => dialect.WriteAsync(command =>
        {
            Add(command, ("user", userId), ("partition", part.Partition), ("room", part.RoomId), ("seq", part.Seq), ("done", part.IsDone));
            command.CommandText = "update user_erasure_parts set room_id = @room, seq = @seq, done = @done where user_id = @user and partition = @partition";
            return command.ExecuteNonQueryAsync(CancellationToken.None);
        }), cancellationToken);

    public Task NoteAsync(string userId, ErasureStep step, long nowMs, CancellationToken cancellationToken) => dialect.TryAsync(
        () => dialect.WriteAsync(async command =>
        {
            if (step == ErasureStep.Rooms)
            {
                Add(command, ("user", userId));
                command.CommandText = "delete from requests where user_id = @user"; // What was answered under the user's keys.
                await command.ExecuteNonQueryAsync(CancellationToken.None);
                command.Parameters.Clear();
            }

            var what = step switch
            {
                ErasureStep.Rooms => "rooms_done = true",
                ErasureStep.Presence => "presence_done = true",
                ErasureStep.Notifications => "notifications_done = true",
                _ => "completed_at_ms = @now",
            };
            Add(command, ("user", userId), ("now", nowMs));
            command.CommandText = $"update user_erasures set {what} where user_id = @user and completed_at_ms = 0 and requested_at_ms <= @now";
            return await command.ExecuteNonQueryAsync(CancellationToken.None);
        }), cancellationToken);

    private static Erasure Read(DbDataReader reader) => new(
        reader.GetString(0), reader.GetString(1), reader.GetBoolean(2), reader.GetInt64(3), reader.GetBoolean(4), reader.GetBoolean(5), reader.GetBoolean(6),
        reader.GetInt64(7));

    private static void Add(DbCommand command, params ReadOnlySpan<(string Name, object Value)> parameters)
    {
        foreach (var (name, value) in parameters)
        {
            command.Parameters.Add(command.Parameter(name, value));
        }
    }
}
