using System.Data.Common;
using System.Globalization;
using Tertulia.Notifications.Webhooks;
using Tertulia.Sql;

namespace Tertulia.Notifications.Storage.Sql;

/// <summary>Webhooks on SQLite or PostgreSQL.</summary>
internal sealed class SqlWebhookRows(ISqlDialect dialect, DbCommand command) : IWebhookRows
{
    private const string Columns = """
        webhook_id, url, secret, events, rooms, is_configured, created_at_ms, succeeded_at_ms, failing_since_ms, disabled_at_ms, error
        """;

    // A webhook that is put again goes on with what waits.
    private const string Put = """
        insert into notification_webhooks (webhook_id, url, secret, events, rooms, is_configured, created_at_ms)
        values (@id, @url, @secret, @events, @rooms, @configured, @now)
        on conflict (webhook_id) do update set
            url = excluded.url, secret = excluded.secret, events = excluded.events, rooms = excluded.rooms, is_configured = excluded.is_configured
        """;

    private const string AddEvent = """
        insert into notification_webhook_events (webhook_id, lane, position, event_id, body, created_at_ms, attempts, not_before_ms)
        select @id, @lane, coalesce(max(position), 0) + 1, @event, @body, @created, 0, 0
        from notification_webhook_events where webhook_id = @id and lane = @lane
        """;

    public Task<List<Webhook>> ListAsync() => command.With($"select {Columns} from notification_webhooks order by webhook_id").ListAsync(Read);

    public Task<Webhook?> FindAsync(string id) => command.With($"select {Columns} from notification_webhooks where webhook_id = @id", ("id", id)).FirstAsync(Read);

    public Task PutAsync(WebhookEndpoint endpoint, bool isConfigured, DateTimeOffset now) => command.With(
        Put, ("id", endpoint.Id), ("url", endpoint.Url), ("secret", endpoint.Secret), ("events", string.Join('\n', endpoint.Events)),
        ("rooms", string.Join('\n', endpoint.Rooms)), ("configured", isConfigured), ("now", now.ToUnixTimeMilliseconds())).RunAsync();

    public async Task<bool> RemoveAsync(string id)
    {
        await command.With("delete from notification_webhook_events where webhook_id = @id", ("id", id)).RunAsync();
        await command.With("delete from notification_webhook_presence where webhook_id = @id", ("id", id)).RunAsync();
        return await command.With("delete from notification_webhooks where webhook_id = @id", ("id", id)).RunAsync() > 0;
    }

    public async Task<List<string>?> EnableAsync(string id)
    {
        if (await command.With(
            "update notification_webhooks set disabled_at_ms = null, failing_since_ms = null, error = null where webhook_id = @id", ("id", id)).RunAsync() == 0)
        {
            return null;
        }

        await command.With("update notification_webhook_events set not_before_ms = 0 where webhook_id = @id", ("id", id)).RunAsync();
        return await LanesAsync(id);
    }

    public Task DisableAsync(string id, string error, DateTimeOffset now) => command.With(
        "update notification_webhooks set disabled_at_ms = @now, error = @error where webhook_id = @id", ("now", now.ToUnixTimeMilliseconds()), ("error", error), ("id", id)).RunAsync();

    public Task SucceededAsync(string id, DateTimeOffset now) => command.With(
        "update notification_webhooks set succeeded_at_ms = @now, failing_since_ms = null, error = null where webhook_id = @id",
        ("now", now.ToUnixTimeMilliseconds()), ("id", id)).RunAsync();

    public async Task FailedAsync(string id, string lane, WaitingEvent refused, DateTimeOffset notBefore, string error, DateTimeOffset now)
    {
        await command.With(
            """
            update notification_webhook_events set attempts = attempts + 1, not_before_ms = @until
            where webhook_id = @id and lane = @lane and position = @position and event_id = @event
            """,
            ("until", notBefore.ToUnixTimeMilliseconds()), ("id", id), ("lane", lane), ("position", refused.Position), ("event", refused.EventId)).RunAsync();
        await command.With(
            "update notification_webhooks set failing_since_ms = coalesce(failing_since_ms, @now), error = @error where webhook_id = @id",
            ("now", now.ToUnixTimeMilliseconds()), ("error", error), ("id", id)).RunAsync();
    }

    public async Task AddEventsAsync(string id, IReadOnlyCollection<WebhookEvent> events, DateTimeOffset now)
    {
        foreach (var one in events)
        {
            await command.With(
                AddEvent, ("id", id), ("lane", one.Lane), ("event", one.Id), ("body", one.Body), ("created", now.ToUnixTimeMilliseconds())).RunAsync();
        }
    }

    // Its place may be another one's by now: when this is the note of a process that stood still, and whose work another has done meanwhile.
    public Task RemoveEventAsync(string id, string lane, WaitingEvent one) => command.With(
        "delete from notification_webhook_events where webhook_id = @id and lane = @lane and position = @position and event_id = @event",
        ("id", id), ("lane", lane), ("position", one.Position), ("event", one.EventId)).RunAsync();

    public Task<List<WaitingEvent>> WaitingAsync(string id, string lane, int limit) => command.With(
        """
        select position, event_id, body, created_at_ms, attempts, not_before_ms from notification_webhook_events
        where webhook_id = @id and lane = @lane order by position limit @limit
        """,
        ("id", id), ("lane", lane), ("limit", limit))
        .ListAsync(row => new WaitingEvent(row.GetInt64(0), row.GetString(1), row.GetString(2), Time(row.GetInt64(3)), row.GetInt32(4), Time(row.GetInt64(5))));

    public Task<List<string>> LanesAsync(string id) => command.With(
        "select distinct lane from notification_webhook_events where webhook_id = @id order by lane", ("id", id)).ListAsync(row => row.GetString(0));

    public async Task<long> CountWaitingAsync(string id) => Convert.ToInt64(
        await command.With("select count(*) from notification_webhook_events where webhook_id = @id", ("id", id)).ExecuteScalarAsync(CancellationToken.None),
        CultureInfo.InvariantCulture);

    public async Task<List<PresenceNews>> SetPresenceAsync(string id, IReadOnlyCollection<PresenceSubject> subjects, bool isPresent, DateTimeOffset now)
    {
        var rows = dialect.RowsTable("rows", "subject");
        command.With(
            isPresent
                ? $"""
                  insert into notification_webhook_presence (webhook_id, subject) select @id, subject from {rows} r where true
                  on conflict do nothing returning subject
                  """
                : $"delete from notification_webhook_presence where webhook_id = @id and subject in (select subject from {rows} r) returning subject",
            ("id", id));
        dialect.AddRows(command, "rows", [.. subjects.Select(one => one.Key)]);
        return await command.ListAsync(row => new PresenceNews(PresenceSubject.Parse(row.GetString(0)), isPresent, Guid.CreateVersion7(now).ToString()));
    }

    public Task<List<PresenceSubject>> ToldPresentAsync(string after, int limit) => command.With(
        "select distinct subject from notification_webhook_presence where subject > @after order by subject limit @limit", ("after", after), ("limit", limit))
        .ListAsync(row => PresenceSubject.Parse(row.GetString(0)));

    public Task SetPresenceOwnerAsync(string owner) => command.With(
        "insert into notification_webhook_presence_owner (id, owner) values (1, @owner) on conflict (id) do update set owner = excluded.owner", ("owner", owner)).RunAsync();

    // Its row stays locked until the transaction ends.
    public async Task<bool> IsPresenceOwnerAsync(string owner) => await command.With(
        "update notification_webhook_presence_owner set owner = owner where id = 1 and owner = @owner", ("owner", owner)).RunAsync() > 0;

    public Task AddEpochAsync(int partition, string epoch, long sinceMs) => command.With(
        "insert into notification_webhook_epochs (partition, epoch, since_ms) values (@partition, @epoch, @since) on conflict do nothing",
        ("partition", partition), ("epoch", epoch), ("since", sinceMs)).RunAsync();

    public async Task<long> EpochSinceAsync(int partition, string epoch) => await command.With(
        "select since_ms from notification_webhook_epochs where partition = @partition and epoch = @epoch", ("partition", partition), ("epoch", epoch))
        .ExecuteScalarAsync(CancellationToken.None) is long ms ? ms : long.MinValue;

    public Task<List<StoredEvent>> ListEventsAsync(StoredEvent? after, int limit) => command.With(
        """
        select webhook_id, lane, position, body from notification_webhook_events
        where (webhook_id, lane, position) > (@id, @lane, @position) order by webhook_id, lane, position limit @count
        """,
        ("id", after?.WebhookId ?? ""), ("lane", after?.Lane ?? ""), ("position", after?.Position ?? 0), ("count", limit))
        .ListAsync(row => new StoredEvent(row.GetString(0), row.GetString(1), row.GetInt64(2), row.GetString(3)));

    public Task SetBodyAsync(StoredEvent one, string body) => command.With(
        "update notification_webhook_events set body = @body where webhook_id = @id and lane = @lane and position = @position",
        ("body", body), ("id", one.WebhookId), ("lane", one.Lane), ("position", one.Position)).RunAsync();

    private static Webhook Read(DbDataReader row) => new(
        row.GetString(0), row.GetString(1), row.GetString(2), List(row.GetString(3)), List(row.GetString(4)), row.GetBoolean(5), Time(row.GetInt64(6)),
        OptionalTime(row, 7), OptionalTime(row, 8), OptionalTime(row, 9), row.IsDBNull(10) ? "" : row.GetString(10));

    private static string[] List(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private static DateTimeOffset Time(long unixMs) => DateTimeOffset.FromUnixTimeMilliseconds(unixMs);

    private static DateTimeOffset? OptionalTime(DbDataReader row, int column) => row.IsDBNull(column) ? null : Time(row.GetInt64(column));
}
