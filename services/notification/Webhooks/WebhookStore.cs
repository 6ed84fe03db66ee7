using System.Data.Common;
using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.Options;
using Tertulia.Notifications.Jobs;
using Tertulia.Notifications.Storage;

namespace Tertulia.Notifications.Webhooks;

/// <summary>A webhook and how it is doing.</summary>
internal sealed record Webhook(
    string Id, string Url, string Secret, IReadOnlyList<string> Events, IReadOnlyList<string> Rooms, bool IsConfigured, DateTimeOffset CreatedAt,
    DateTimeOffset? SucceededAt, DateTimeOffset? FailingSince, DateTimeOffset? DisabledAt, string Error)
{
    /// <summary>Whether it is told of rooms that become occupied or empty, or of users who come and go.</summary>
    public bool WantsPresence => Events.Count == 0 || Events.Any(type => type.StartsWith("room.", StringComparison.Ordinal) || type.StartsWith("user.", StringComparison.Ordinal));

    /// <summary>What it is told of presence by: when this changes, it is looked anew what it has to be told.</summary>
    public string PresenceWish => string.Join('\n', [Id, .. Events, "in", .. Rooms]);

    /// <summary>Whether it is told anything of a room or a user coming or going.</summary>
    public bool WantsAnyOf(PresenceSubject one) => one.IsRoom
        ? Wants(WebhookEvents.RoomOccupied, one.Id) || Wants(WebhookEvents.RoomVacated, one.Id)
        : Wants(WebhookEvents.UserOnline, "") || Wants(WebhookEvents.UserOffline, "");

    /// <summary>Whether it is told of an event. A user's are of no room: who wants certain rooms only does not want them.</summary>
    public bool Wants(WebhookEvent one) => Wants(one.Type, one.RoomId) && one.CreatedAtMs >= CreatedAt.ToUnixTimeMilliseconds();

    private bool Wants(string type, string roomId) =>
        (Events.Count == 0 || Events.Contains(type, StringComparer.Ordinal))
        && (Rooms.Count == 0 || Rooms.Any(room => room is [.. var beginning, '*'] ? roomId.Length > 0 && roomId.StartsWith(beginning, StringComparison.Ordinal) : roomId == room));

    /// <inheritdoc />
    public override string ToString() => Id; // A record would show its secret.
}

/// <summary>An event that waits to be told.</summary>
internal sealed record WaitingEvent(long Position, string EventId, string Body, DateTimeOffset CreatedAt, int Attempts, DateTimeOffset NotBefore);

/// <summary>Webhooks and what waits for them.</summary>
internal sealed class WebhookStore(NotificationStore store, IOptions<WebhookOptions> options, TimeProvider time)
{
    private const string Columns = """
        webhook_id, url, secret, events, rooms, is_configured, created_at_ms, succeeded_at_ms, failing_since_ms, disabled_at_ms, error
        """;

    // A webhook that is put again is enabled, and goes on with what waits.
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

    /// <summary>All of them, by id.</summary>
    public Task<List<Webhook>> ListAsync(CancellationToken cancellationToken) => store.ReadAsync(ListAsync, cancellationToken);

    /// <inheritdoc cref="ListAsync(CancellationToken)"/>
    public static Task<List<Webhook>> ListAsync(DbCommand command) =>
        command.With($"select {Columns} from notification_webhooks order by webhook_id").ListAsync(Read);

    /// <summary>One of them.</summary>
    public Task<Webhook?> FindAsync(string id, CancellationToken cancellationToken) => store.ReadAsync(
        command => command.With($"select {Columns} from notification_webhooks where webhook_id = @id", ("id", id)).FirstAsync(Read), cancellationToken);

    /// <summary>Makes the configured ones those of this process's configuration.</summary>
    public Task ConfigureAsync(CancellationToken cancellationToken) => store.WriteAsync(
        async command =>
        {
            var endpoints = options.Value.Endpoints;
            foreach (var gone in (await ListAsync(command)).Where(known => known.IsConfigured && endpoints.All(endpoint => endpoint.Id != known.Id)))
            {
                await RemoveAsync(command, gone.Id);
            }

            foreach (var endpoint in endpoints)
            {
                await PutAsync(command, endpoint, isConfigured: true);
            }

            return endpoints.Count;
        },
        cancellationToken);

    /// <summary>Adds one, or changes and enables it.</summary>
    /// <param name="endpoint">The webhook.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <param name="record">Writes it down in the same transaction; null: nobody needs to know.</param>
    public Task PutAsync(WebhookEndpoint endpoint, CancellationToken cancellationToken, Func<DbCommand, Task>? record = null) => store.WriteAsync(
        async command =>
        {
            await PutAsync(command, endpoint, isConfigured: false);
            await RecordAsync(command, record, isDone: true);
            return await EnableAsync(command, endpoint.Id);
        },
        cancellationToken);

    /// <summary>Removes it, and what waits for it.</summary>
    /// <param name="id">Of the webhook.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <param name="record">Writes it down in the same transaction, when there is one; null: nobody needs to know.</param>
    /// <returns>False when there is none.</returns>
    public Task<bool> RemoveAsync(string id, CancellationToken cancellationToken, Func<DbCommand, Task>? record = null) => store.WriteAsync(
        async command => await RecordAsync(command, record, await RemoveAsync(command, id)), cancellationToken);

    /// <summary>It is told again, what waited first.</summary>
    /// <inheritdoc cref="RemoveAsync(string, CancellationToken, Func{DbCommand, Task})"/>
    public Task<bool> EnableAsync(string id, CancellationToken cancellationToken, Func<DbCommand, Task>? record = null) => store.WriteAsync(
        async command => await RecordAsync(command, record, await EnableAsync(command, id)), cancellationToken);

    /// <summary>Adds events for those who want them, in their order, with the jobs that tell them.</summary>
    public async Task AddAsync(DbCommand command, IReadOnlyList<WebhookEvent> events)
    {
        if (events.Count == 0)
        {
            return;
        }

        var now = time.GetUtcNow();
        foreach (var webhook in (await ListAsync(command)).Where(webhook => webhook.DisabledAt is null))
        {
            var wanted = events.Where(webhook.Wants).ToArray();
            if (wanted.Length > 0 && !await IsFullAsync(command, webhook, now))
            {
                await AddAsync(command, webhook, wanted, now);
            }
        }
    }

    /// <summary>Tells each webhook that was not told yet that rooms are occupied or empty, and users online or offline. What a webhook is told is remembered with
    /// the event, so that it is told once, and its next event is the opposite.</summary>
    /// <param name="command">Of the transaction.</param>
    /// <param name="subjects">Rooms and users, each once.</param>
    /// <param name="isPresent">They are occupied and online now.</param>
    public async Task AddPresenceAsync(DbCommand command, IReadOnlyCollection<PresenceSubject> subjects, bool isPresent)
    {
        var now = time.GetUtcNow();
        foreach (var webhook in (await ListAsync(command)).Where(webhook => webhook is { DisabledAt: null, WantsPresence: true }))
        {
            var wanted = isPresent ? subjects.Where(webhook.WantsAnyOf).ToArray() : [.. subjects];
            if (wanted.Length == 0 || await IsFullAsync(command, webhook, now))
            {
                continue;
            }

            var rows = store.Dialect.RowsTable("rows", "subject");
            command.With(
                isPresent
                    ? $"""
                      insert into notification_webhook_presence (webhook_id, subject) select @id, subject from {rows} r where true
                      on conflict do nothing returning subject
                      """
                    : $"delete from notification_webhook_presence where webhook_id = @id and subject in (select subject from {rows} r) returning subject",
                ("id", webhook.Id));
            store.Dialect.AddRows(command, "rows", [.. wanted.Select(one => one.Key)]);
            var changed = await command.ListAsync(row => PresenceSubject.Parse(row.GetString(0)));
            var events = changed.OrderBy(one => one.Key, StringComparer.Ordinal)
                .Select(one => WebhookEvents.OfPresence(Guid.CreateVersion7(now).ToString(), one, isPresent, now.ToUnixTimeMilliseconds())).Where(webhook.Wants).ToArray();
            await AddAsync(command, webhook, events, now);
        }
    }

    /// <summary>Rooms and users of which some webhook was last told that they are there, in order.</summary>
    public Task<List<PresenceSubject>> ToldPresentAsync(string after, int limit, CancellationToken cancellationToken) => store.ReadAsync(
        command => command.With(
            "select distinct subject from notification_webhook_presence where subject > @after order by subject limit @limit", ("after", after), ("limit", limit))
            .ListAsync(row => PresenceSubject.Parse(row.GetString(0))),
        cancellationToken);

    /// <summary>The events of a lane that wait, in order.</summary>
    public Task<List<WaitingEvent>> WaitingAsync(string id, string lane, int limit, CancellationToken cancellationToken) => store.ReadAsync(
        command => command.With(
            """
            select position, event_id, body, created_at_ms, attempts, not_before_ms from notification_webhook_events
            where webhook_id = @id and lane = @lane order by position limit @limit
            """,
            ("id", id), ("lane", lane), ("limit", limit))
            .ListAsync(row => new WaitingEvent(row.GetInt64(0), row.GetString(1), row.GetString(2), Time(row.GetInt64(3)), row.GetInt32(4), Time(row.GetInt64(5)))),
        cancellationToken);

    /// <summary>An event was told.</summary>
    public Task ToldAsync(string id, string lane, WaitingEvent told, CancellationToken cancellationToken) => store.WriteAsync(
        async command =>
        {
            await RemoveEventAsync(command, id, lane, told);
            return await SucceededAsync(command, id);
        },
        cancellationToken);

    /// <summary>An event that stood alone was told.</summary>
    public Task SucceededAsync(string id, CancellationToken cancellationToken) => store.WriteAsync(command => SucceededAsync(command, id), cancellationToken);

    /// <summary>An event was not taken.</summary>
    /// <param name="id">Of the webhook.</param>
    /// <param name="lane">Of the event.</param>
    /// <param name="refused">The event.</param>
    /// <param name="notBefore">When it is told again.</param>
    /// <param name="error">Why, for operators.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public Task FailedAsync(string id, string lane, WaitingEvent refused, DateTimeOffset notBefore, string error, CancellationToken cancellationToken) => store.WriteAsync(
        async command =>
        {
            await command.With(
                """
                update notification_webhook_events set attempts = attempts + 1, not_before_ms = @until
                where webhook_id = @id and lane = @lane and position = @position and event_id = @event
                """,
                ("until", notBefore.ToUnixTimeMilliseconds()), ("id", id), ("lane", lane), ("position", refused.Position), ("event", refused.EventId)).RunAsync();
            return await command.With(
                "update notification_webhooks set failing_since_ms = coalesce(failing_since_ms, @now), error = @error where webhook_id = @id",
                ("now", Now()), ("error", error), ("id", id)).RunAsync();
        },
        cancellationToken);

    /// <summary>An event goes to the error queue, so that those after it are told.</summary>
    public Task GiveUpAsync(string id, string lane, WaitingEvent refused, string error, CancellationToken cancellationToken) => store.WriteAsync(
        async command =>
        {
            await RemoveEventAsync(command, id, lane, refused);
            var body = JsonSerializer.Serialize(new WebhookJob(id, lane, refused.EventId, refused.Body));
            await JobStore.PutFailedAsync(command, $"webhook:{id}:{refused.EventId}", WebhookHandler.KindName, body, error, time.GetUtcNow());
            return true;
        },
        cancellationToken);

    /// <summary>It is not told any more, until somebody enables it.</summary>
    public Task DisableAsync(string id, string error, CancellationToken cancellationToken) => store.WriteAsync(
        command => DisableAsync(command, id, error), cancellationToken);

    // Its place may be another one's by now: when this is the note of a process that stood still, and whose work another has done meanwhile.
    private static Task<int> RemoveEventAsync(DbCommand command, string id, string lane, WaitingEvent one) => command.With(
        "delete from notification_webhook_events where webhook_id = @id and lane = @lane and position = @position and event_id = @event",
        ("id", id), ("lane", lane), ("position", one.Position), ("event", one.EventId)).RunAsync();

    private static async Task<bool> RemoveAsync(DbCommand command, string id)
    {
        await command.With("delete from notification_webhook_events where webhook_id = @id", ("id", id)).RunAsync();
        await command.With("delete from notification_webhook_presence where webhook_id = @id", ("id", id)).RunAsync();
        return await command.With("delete from notification_webhooks where webhook_id = @id", ("id", id)).RunAsync() > 0;
    }

    private static async Task<bool> RecordAsync(DbCommand command, Func<DbCommand, Task>? record, bool isDone)
    {
        await (isDone && record is not null ? record(command) : Task.CompletedTask);
        return isDone;
    }

    private static Task WakeAsync(DbCommand command, string id, string lane, DateTimeOffset now) => JobStore.PutAsync(
        command, $"webhook:{id}:{lane}", WebhookHandler.KindName, JsonSerializer.Serialize(new WebhookJob(id, lane)), now, now);

    private static async Task AddAsync(DbCommand command, Webhook webhook, IReadOnlyCollection<WebhookEvent> wanted, DateTimeOffset now)
    {
        foreach (var one in wanted)
        {
            await command.With(
                AddEvent, ("id", webhook.Id), ("lane", one.Lane), ("event", one.Id), ("body", one.Body), ("created", now.ToUnixTimeMilliseconds())).RunAsync();
        }

        foreach (var lane in wanted.Select(one => one.Lane).Distinct(StringComparer.Ordinal))
        {
            await WakeAsync(command, webhook.Id, lane, now);
        }
    }

    private static Webhook Read(DbDataReader row) => new(
        row.GetString(0), row.GetString(1), row.GetString(2), List(row.GetString(3)), List(row.GetString(4)), row.GetBoolean(5), Time(row.GetInt64(6)),
        OptionalTime(row, 7), OptionalTime(row, 8), OptionalTime(row, 9), row.IsDBNull(10) ? "" : row.GetString(10));

    private static string[] List(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private static DateTimeOffset Time(long unixMs) => DateTimeOffset.FromUnixTimeMilliseconds(unixMs);

    private static DateTimeOffset? OptionalTime(DbDataReader row, int column) => row.IsDBNull(column) ? null : Time(row.GetInt64(column));

    private Task<int> PutAsync(DbCommand command, WebhookEndpoint endpoint, bool isConfigured) => command.With(
        Put, ("id", endpoint.Id), ("url", endpoint.Url), ("secret", endpoint.Secret), ("events", string.Join('\n', endpoint.Events)),
        ("rooms", string.Join('\n', endpoint.Rooms)), ("configured", isConfigured), ("now", Now())).RunAsync();

    private async Task<bool> EnableAsync(DbCommand command, string id)
    {
        if (await command.With(
            "update notification_webhooks set disabled_at_ms = null, failing_since_ms = null, error = null where webhook_id = @id", ("id", id)).RunAsync() == 0)
        {
            return false;
        }

        await command.With("update notification_webhook_events set not_before_ms = 0 where webhook_id = @id", ("id", id)).RunAsync();
        var lanes = await command.With("select distinct lane from notification_webhook_events where webhook_id = @id", ("id", id)).ListAsync(row => row.GetString(0));
        foreach (var lane in lanes)
        {
            await WakeAsync(command, id, lane, time.GetUtcNow());
        }

        return true;
    }

    private Task<int> SucceededAsync(DbCommand command, string id) => command.With(
        "update notification_webhooks set succeeded_at_ms = @now, failing_since_ms = null, error = null where webhook_id = @id", ("now", Now()), ("id", id)).RunAsync();

    private Task<int> DisableAsync(DbCommand command, string id, string error) => command.With(
        "update notification_webhooks set disabled_at_ms = @now, error = @error where webhook_id = @id", ("now", Now()), ("error", error), ("id", id)).RunAsync();

    // While it is told all is well, whatever waits.
    private async Task<bool> IsFullAsync(DbCommand command, Webhook webhook, DateTimeOffset now)
    {
        if (webhook.FailingSince is null)
        {
            return false;
        }

        var waiting = Convert.ToInt64(
            await command.With("select count(*) from notification_webhook_events where webhook_id = @id", ("id", webhook.Id)).ExecuteScalarAsync(CancellationToken.None),
            CultureInfo.InvariantCulture);
        if (waiting < options.Value.MaxWaiting)
        {
            return false;
        }

        await DisableAsync(command, webhook.Id, "too much waits for it");
        return true;
    }

    private long Now() => time.GetUtcNow().ToUnixTimeMilliseconds();
}
