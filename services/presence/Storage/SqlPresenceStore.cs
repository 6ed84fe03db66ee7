using System.Globalization;
using Tertulia.Contracts;

namespace Tertulia.Presence.Storage;

/// <summary>The store on SQLite and PostgreSQL.</summary>
internal sealed class SqlPresenceStore(ISqlDialect dialect) : IPresenceStore
{
    private static readonly SqlMigrations Migrations = new(typeof(SqlPresenceStore).Assembly, "presence_migrations");

    public Task InitializeAsync(CancellationToken cancellationToken) => dialect.TryForAsLongAsItTakesAsync(async () =>
    {
        await Migrations.UpdateAsync(dialect);
        return true;
    });

    public Task CheckAsync(CancellationToken cancellationToken) => dialect.TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync();
        await using var command = connection.CreateCommand("select 1");
        return await command.ExecuteScalarAsync(CancellationToken.None);
    }, cancellationToken);

    public Task WriteStatusAsync(ChosenStatus status, CancellationToken cancellationToken) => dialect.TryAsync(() => dialect.WriteAsync(command =>
    {
        command.CommandText = """
            insert into presence_statuses (user_id, status, text, emoji, until_ms, stamp) values (@user, @status, @text, @emoji, @until, @stamp)
            on conflict (user_id) do update
            set status = excluded.status, text = excluded.text, emoji = excluded.emoji, until_ms = excluded.until_ms, stamp = excluded.stamp
            where excluded.stamp > presence_statuses.stamp
            """;
        command.Parameters.Add(command.Parameter("user", status.UserId));
        command.Parameters.Add(command.Parameter("status", status.Status));
        command.Parameters.Add(command.Parameter("text", status.Text));
        command.Parameters.Add(command.Parameter("emoji", status.Emoji));
        command.Parameters.Add(command.Parameter("until", status.UntilMs));
        command.Parameters.Add(command.Parameter("stamp", status.Stamp));
        return command.ExecuteNonQueryAsync(CancellationToken.None);
    }), cancellationToken);

    public Task<IReadOnlyList<ChosenStatus>> ReadStatusesAsync(long afterStamp, int limit, CancellationToken cancellationToken) => dialect.TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync();
        await using var command = connection.CreateCommand(
            "select user_id, status, text, emoji, until_ms, stamp from presence_statuses where stamp > @after order by stamp limit @limit",
            ("after", afterStamp), ("limit", limit));
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        var statuses = new List<ChosenStatus>();
        while (await reader.ReadAsync(CancellationToken.None))
        {
            statuses.Add(new ChosenStatus
            {
                UserId = reader.GetString(0),
                Status = reader.GetString(1),
                Text = reader.GetString(2),
                Emoji = reader.GetString(3),
                UntilMs = reader.GetInt64(4),
                Stamp = reader.GetInt64(5),
            });
        }

        return (IReadOnlyList<ChosenStatus>)statuses;
    }, cancellationToken);

    public Task<int> RemoveStatusesAsync(long endedBeforeMs, long chosenBeforeStamp, CancellationToken cancellationToken) => dialect.TryAsync(() => dialect.WriteAsync(command =>
    {
        command.CommandText = """
            delete from presence_statuses
            where (until_ms > 0 and until_ms < @ended) or (status = 'online' and text = '' and emoji = '' and stamp < @chosen)
            """;
        command.Parameters.Add(command.Parameter("ended", endedBeforeMs));
        command.Parameters.Add(command.Parameter("chosen", chosenBeforeStamp));
        return command.ExecuteNonQueryAsync(CancellationToken.None);
    }), cancellationToken);

    public Task WriteSeenAsync(IReadOnlyCollection<Seen> seen, CancellationToken cancellationToken) => seen.Count == 0 ? Task.CompletedTask : dialect.TryAsync(() => dialect.WriteAsync(command =>
    {
        // In one order, so that replicas do not wait for each other in a circle. "where true": else SQLite takes "on" for that of a join.
        var ordered = seen.OrderBy(one => one.UserId, StringComparer.Ordinal).ToArray();
        command.CommandText = $"""
            insert into presence_last_seen (user_id, seen_ms)
            select r.user_id, cast(r.seen_ms as bigint) from {dialect.RowsTable("rows", "user_id", "seen_ms")} r where true
            on conflict (user_id) do update set seen_ms = excluded.seen_ms where excluded.seen_ms > presence_last_seen.seen_ms
            """;
        dialect.AddRows(
            command, "rows", Array.ConvertAll(ordered, one => one.UserId), Array.ConvertAll(ordered, one => one.SeenMs.ToString(CultureInfo.InvariantCulture)));
        return command.ExecuteNonQueryAsync(CancellationToken.None);
    }), cancellationToken);

    public Task ForgetSeenAsync(string userId, CancellationToken cancellationToken) => dialect.TryAsync(() => dialect.WriteAsync(command =>
    {
        command.CommandText = "delete from presence_last_seen where user_id = @user";
        command.Parameters.Add(command.Parameter("user", userId));
        return command.ExecuteNonQueryAsync(CancellationToken.None);
    }), cancellationToken);

    public Task<IReadOnlyList<Seen>> ReadSeenAsync(IReadOnlyCollection<string> userIds, CancellationToken cancellationToken) => dialect.TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync();
        await using var command = connection.CreateCommand(
            $"select s.user_id, s.seen_ms from {dialect.RowsTable("users", "user_id")} r join presence_last_seen s on s.user_id = r.user_id");
        dialect.AddRows(command, "users", [.. userIds]);
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        var seen = new List<Seen>();
        while (await reader.ReadAsync(CancellationToken.None))
        {
            seen.Add(new Seen(reader.GetString(0), reader.GetInt64(1)));
        }

        return (IReadOnlyList<Seen>)seen;
    }, cancellationToken);

    public ValueTask DisposeAsync() => dialect.DisposeAsync();
}
