using System.Data.Common;

namespace Tertulia.Messages.Storage.Sql;

/// <summary>The audit log on SQLite or PostgreSQL.</summary>
internal sealed class SqlAuditLog(ISqlDialect dialect) : IAuditLog
{
    private const string Insert = """
        insert into audit (id, at_ms, actor_id, action, room_id, target_id, detail)
        values (@audit_id, @audit_at, @audit_actor, @audit_action, @audit_room, @audit_target, @audit_detail)
        on conflict do nothing
        """;

    public Task AddAsync(AuditRecord record, CancellationToken cancellationToken) => dialect.TryAsync(
        () => dialect.WriteAsync(async command =>
        {
            await AddAsync(command, record);
            return true;
        }), cancellationToken);

    /// <summary>Writes one in the transaction of a command, whose parameters stay.</summary>
    public static async Task AddAsync(DbCommand command, AuditRecord record)
    {
        command.Parameters.Add(command.Parameter("audit_id", record.Id));
        command.Parameters.Add(command.Parameter("audit_at", record.AtMs));
        command.Parameters.Add(command.Parameter("audit_actor", record.ActorId));
        command.Parameters.Add(command.Parameter("audit_action", record.Action));
        command.Parameters.Add(command.Parameter("audit_room", record.RoomId));
        command.Parameters.Add(command.Parameter("audit_target", record.TargetId));
        command.Parameters.Add(command.Parameter("audit_detail", record.Detail));
        command.CommandText = Insert;
        await command.ExecuteNonQueryAsync(CancellationToken.None);
    }

    public Task<IReadOnlyList<AuditRecord>> ReadAsync(
        AuditFilter filter, long beforeMs, string beforeId, int limit, CancellationToken cancellationToken) => dialect.TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync();
        List<(string, object)> parameters = [("at", beforeMs), ("id", beforeId), ("since", filter.SinceMs), ("limit", limit)];
        var conditions = "";
        Add("actor_id", filter.ActorId);
        Add("action", filter.Action);
        Add("room_id", filter.RoomId);
        Add("target_id", filter.TargetId);
        await using var command = connection.CreateCommand(
            $"""
            select id, at_ms, actor_id, action, room_id, target_id, detail from audit
            where (at_ms, id) < (@at, @id) and at_ms >= @since{conditions}
            order by at_ms desc, id desc limit @limit
            """,
            [.. parameters]);
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        var found = new List<AuditRecord>();
        while (await reader.ReadAsync(CancellationToken.None))
        {
            found.Add(new AuditRecord(
                reader.GetString(0), reader.GetInt64(1), reader.GetString(2), reader.GetString(3), reader.GetString(4), reader.GetString(5), reader.GetString(6)));
        }

        return (IReadOnlyList<AuditRecord>)found;

        // Only what is asked for is compared, so that its index serves.
        void Add(string column, string value)
        {
            if (value.Length > 0)
            {
                conditions += $" and {column} = @{column} and {column} <> ''";
                parameters.Add((column, value));
            }
        }
    }, cancellationToken);
}
