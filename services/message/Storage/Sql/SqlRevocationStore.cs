using Tertulia.Contracts;

namespace Tertulia.Messages.Storage.Sql;

/// <summary>Revocations on SQLite or PostgreSQL.</summary>
internal sealed class SqlRevocationStore(ISqlDialect dialect) : IRevocationStore
{
    private const string Forget = "delete from revocations where expires_at_ms <= @now";
    private const string Count = "select count(*) from revocations";

    // The row stays locked until the end of the transaction: the next number is taken, and seen, after this one.
    private const string NextNumber = "update counters set last = last + 1 where name = 'revocations' returning last";

    private const string Insert = """
        insert into revocations (number, token_id, user_id, room_id, revoked_at_ms, expires_at_ms, revoked_by, reason)
        values (@number, @token, @user, @room, @now, @until, @by, @reason)
        """;

    private const string After = """
        select number, token_id, user_id, room_id, revoked_at_ms, expires_at_ms from revocations
        where number > @after and expires_at_ms > @now order by number limit @limit
        """;

    public Task<long?> AddAsync(Revocation revocation, string revokedBy, string reason, int max, CancellationToken cancellationToken) =>
        dialect.TryAsync(() => dialect.WriteAsync(async command =>
        {
            command.CommandText = NextNumber;
            var number = (long)(await command.ExecuteScalarAsync(CancellationToken.None))!;
            command.Parameters.Add(command.Parameter("now", revocation.RevokedAtMs));
            command.CommandText = Forget;
            await command.ExecuteNonQueryAsync(CancellationToken.None);
            command.CommandText = Count;
            if ((long)(await command.ExecuteScalarAsync(CancellationToken.None))! >= max)
            {
                return null;
            }

            foreach (var (name, value) in (ReadOnlySpan<(string, object)>)
            [
                ("number", number), ("token", revocation.TokenId), ("user", revocation.UserId), ("room", revocation.RoomId), ("until", revocation.ExpiresAtMs),
                ("by", revokedBy), ("reason", reason),
            ])
            {
                command.Parameters.Add(command.Parameter(name, value));
            }

            command.CommandText = Insert;
            await command.ExecuteNonQueryAsync(CancellationToken.None);
            command.Parameters.Clear();
            await SqlAuditLog.AddAsync(command, RecordOf(revocation, revokedBy, reason));
            return (long?)number;
        }), cancellationToken);

    /// <summary>What the audit log says of a revocation.</summary>
    public static AuditRecord RecordOf(Revocation revocation, string revokedBy, string reason)
    {
        var (action, target) = revocation switch
        {
            { TokenId.Length: > 0 } => ("token_revoked", revocation.TokenId),
            { UserId.Length: > 0, RoomId.Length: > 0 } => ("member_revoked", revocation.UserId),
            { UserId.Length: > 0 } => ("user_revoked", revocation.UserId),
            _ => ("room_revoked", ""),
        };
        return new AuditRecord(Guid.CreateVersion7().ToString(), revocation.RevokedAtMs, revokedBy, action, revocation.RoomId, target, reason);
    }

    public Task<IReadOnlyList<Revocation>> ReadAsync(long after, long nowMs, int limit, CancellationToken cancellationToken) => dialect.TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync();
        await using var command = connection.CreateCommand(After, ("after", after), ("now", nowMs), ("limit", limit));
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        var found = new List<Revocation>();
        while (await reader.ReadAsync(CancellationToken.None))
        {
            found.Add(new Revocation
            {
                Number = reader.GetInt64(0),
                TokenId = reader.GetString(1),
                UserId = reader.GetString(2),
                RoomId = reader.GetString(3),
                RevokedAtMs = reader.GetInt64(4),
                ExpiresAtMs = reader.GetInt64(5),
            });
        }

        return (IReadOnlyList<Revocation>)found;
    }, cancellationToken);
}
