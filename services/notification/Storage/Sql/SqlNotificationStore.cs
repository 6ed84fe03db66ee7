using System.Data.Common;
using Tertulia.Feed;
using Tertulia.Notifications.Inbox;
using Tertulia.Notifications.Preferences;
using Tertulia.Notifications.Webhooks;
using Tertulia.Sql;

namespace Tertulia.Notifications.Storage.Sql;

/// <summary>The store on SQLite or PostgreSQL: a round is a transaction.</summary>
internal sealed class SqlNotificationStore(ISqlDialect dialect) : NotificationStore
{
    private static readonly SqlMigrations Migrations = new(typeof(NotificationStore).Assembly, "notification_migrations");

    /// <inheritdoc />
    public override Task InitializeAsync(CancellationToken cancellationToken) => dialect.TryForAsLongAsItTakesAsync(async () =>
    {
        await Migrations.UpdateAsync(dialect);
        return true;
    }).WaitAsync(cancellationToken);

    /// <inheritdoc />
    public override Task CheckAsync(CancellationToken cancellationToken) => ReadSqlAsync(
        command => command.With("select 1").ExecuteScalarAsync(CancellationToken.None), cancellationToken);

    /// <inheritdoc />
    public override Task<FeedMark> ReadMarkAsync(string follower, int partition, CancellationToken cancellationToken) =>
        MarksOf(dialect, follower).ReadAsync(partition, cancellationToken);

    /// <inheritdoc />
    public override Task<T> ReadAsync<T>(Func<IRound, Task<T>> work, CancellationToken cancellationToken) =>
        ReadSqlAsync(command => work(new SqlRound(dialect, command)), cancellationToken);

    /// <inheritdoc />
    /// <remarks>See <see cref="ISqlDialect.WriteAsync"/>.</remarks>
    public override Task<T> WriteAsync<T>(Func<IRound, Task<T>> work, CancellationToken cancellationToken) =>
        dialect.TryAsync(() => dialect.WriteAsync(command => work(new SqlRound(dialect, command))), cancellationToken);

    /// <summary>Reads with statements, outside of any transaction.</summary>
    public Task<T> ReadSqlAsync<T>(Func<DbCommand, Task<T>> work, CancellationToken cancellationToken) => dialect.TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync();
        await using var command = connection.CreateCommand();
        return await work(command);
    }, cancellationToken);

    /// <inheritdoc />
    public override ValueTask DisposeAsync() => dialect.DisposeAsync();

    /// <summary>Each follower's marks are in a table.</summary>
    public static FeedMarks MarksOf(ISqlDialect dialect, string follower) =>
        new(dialect, follower == WebhookFollower.Name ? "notification_webhook_marks" : "notification_marks", follower);
}

/// <summary>A transaction, or a connection that only reads: its command runs one statement after the other.</summary>
internal sealed class SqlRound(ISqlDialect dialect, DbCommand command) : IRound
{
    private IJobRows? _jobs;
    private IInboxRows? _inbox;
    private ILaterRows? _later;
    private IPreferenceRows? _preferences;
    private IWithheldRows? _withheld;
    private IFactRows? _facts;
    private IThreadRows? _threads;
    private IPushRows? _pushes;
    private IDeviceRows? _devices;
    private IWebhookRows? _webhooks;
    private ITrailRows? _trails;
    private IOwnedRows? _owned;

    /// <summary>Of the transaction.</summary>
    public DbCommand Command => command;

    public IJobRows Jobs => _jobs ??= new SqlJobRows(command);

    public IInboxRows Inbox => _inbox ??= new SqlInboxRows(dialect, command);

    public ILaterRows Later => _later ??= new SqlLaterRows(command);

    public IPreferenceRows Preferences => _preferences ??= new SqlPreferenceRows(dialect, command);

    public IWithheldRows Withheld => _withheld ??= new SqlWithheldRows(dialect, command);

    public IFactRows Facts => _facts ??= new SqlFactRows(dialect, command);

    public IThreadRows Threads => _threads ??= new SqlThreadRows(dialect, command);

    public IPushRows Pushes => _pushes ??= new SqlPushRows(dialect, command);

    public IDeviceRows Devices => _devices ??= new SqlDeviceRows(dialect, command);

    public IWebhookRows Webhooks => _webhooks ??= new SqlWebhookRows(dialect, command);

    public ITrailRows Trails => _trails ??= new SqlTrailRows(dialect, command);

    public IOwnedRows Owned => _owned ??= new SqlOwnedRows(command);

    /// <remarks>Its row stays locked until the transaction ends.</remarks>
    public Task<bool> MoveMarkAsync(string follower, FeedBatch batch) => SqlNotificationStore.MarksOf(dialect, follower).MoveAsync(command, batch);
}

/// <summary>One statement after the other over the command of a transaction.</summary>
internal static class Statements
{
    /// <summary>Replaces the command's text and parameters.</summary>
    public static DbCommand With(this DbCommand command, string sql, params ReadOnlySpan<(string Name, object? Value)> parameters)
    {
        command.CommandText = sql;
        command.Parameters.Clear();
        foreach (var (name, value) in parameters)
        {
            command.Parameters.Add(command.Parameter(name, value ?? DBNull.Value));
        }

        return command;
    }

    /// <summary>A statement over what is about entries of a room.</summary>
    public static DbCommand WithRoom(this DbCommand command, ISqlDialect dialect, string sql, RoomItems items, string also)
    {
        var ofUsers = items.UserIds is null ? "" : $"and user_id in (select user_id from {dialect.RowsTable("users", "user_id")} u)";
        var kinds = items.WithoutInvitations ? $"and kind <> '{NotificationKinds.Invitation}'" : "";
        command.With($"{sql} where room_id = @room and seq < @seq {ofUsers} {kinds} {also}", ("room", items.RoomId), ("seq", items.BeforeSeq));
        if (items.UserIds is { } userIds)
        {
            dialect.AddRows(command, "users", [.. userIds]);
        }

        return command;
    }

    /// <summary>Rows written.</summary>
    public static Task<int> RunAsync(this DbCommand command) => command.ExecuteNonQueryAsync(CancellationToken.None);

    /// <summary>All rows.</summary>
    public static async Task<List<T>> ListAsync<T>(this DbCommand command, Func<DbDataReader, T> row)
    {
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        List<T> rows = [];
        while (await reader.ReadAsync(CancellationToken.None))
        {
            rows.Add(row(reader));
        }

        return rows;
    }

    /// <summary>The first row, or the default when there is none.</summary>
    public static async Task<T?> FirstAsync<T>(this DbCommand command, Func<DbDataReader, T> row)
    {
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        return await reader.ReadAsync(CancellationToken.None) ? row(reader) : default;
    }
}
