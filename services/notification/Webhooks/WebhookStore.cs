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
    /// <summary>All of them, by id.</summary>
    public Task<List<Webhook>> ListAsync(CancellationToken cancellationToken) => store.ReadAsync(round => round.Webhooks.ListAsync(), cancellationToken);

    /// <summary>One of them.</summary>
    public Task<Webhook?> FindAsync(string id, CancellationToken cancellationToken) => store.ReadAsync(round => round.Webhooks.FindAsync(id), cancellationToken);

    /// <summary>Makes the configured ones those of this process's configuration.</summary>
    public Task ConfigureAsync(CancellationToken cancellationToken) => store.WriteAsync(
        async round =>
        {
            var endpoints = options.Value.Endpoints;
            foreach (var gone in (await round.Webhooks.ListAsync()).Where(known => known.IsConfigured && endpoints.All(endpoint => endpoint.Id != known.Id)))
            {
                await round.Webhooks.RemoveAsync(gone.Id);
            }

            foreach (var endpoint in endpoints)
            {
                await round.Webhooks.PutAsync(endpoint, isConfigured: true, time.GetUtcNow());
            }

            return endpoints.Count;
        },
        cancellationToken);

    /// <summary>Adds one, or changes and enables it: it goes on with what waits.</summary>
    /// <param name="endpoint">The webhook.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <param name="record">Writes it down in the same round; null: nobody needs to know.</param>
    public Task PutAsync(WebhookEndpoint endpoint, CancellationToken cancellationToken, Func<IRound, Task>? record = null) => store.WriteAsync(
        async round =>
        {
            await round.Webhooks.PutAsync(endpoint, isConfigured: false, time.GetUtcNow());
            await RecordAsync(round, record, isDone: true);
            return await EnableAsync(round, endpoint.Id);
        },
        cancellationToken);

    /// <summary>Removes it, and what waits for it.</summary>
    /// <param name="id">Of the webhook.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <param name="record">Writes it down in the same round, when there is one; null: nobody needs to know.</param>
    /// <returns>False when there is none.</returns>
    public Task<bool> RemoveAsync(string id, CancellationToken cancellationToken, Func<IRound, Task>? record = null) => store.WriteAsync(
        async round => await RecordAsync(round, record, await round.Webhooks.RemoveAsync(id)), cancellationToken);

    /// <summary>It is told again, what waited first.</summary>
    /// <inheritdoc cref="RemoveAsync"/>
    public Task<bool> EnableAsync(string id, CancellationToken cancellationToken, Func<IRound, Task>? record = null) => store.WriteAsync(
        async round => await RecordAsync(round, record, await EnableAsync(round, id)), cancellationToken);

    /// <summary>Adds events for those who want them, in their order, with the jobs that tell them.</summary>
    public async Task AddAsync(IRound round, IReadOnlyList<WebhookEvent> events)
    {
        if (events.Count == 0)
        {
            return;
        }

        var now = time.GetUtcNow();
        foreach (var webhook in (await round.Webhooks.ListAsync()).Where(webhook => webhook.DisabledAt is null))
        {
            var wanted = events.Where(webhook.Wants).ToArray();
            if (wanted.Length > 0 && !await IsFullAsync(round, webhook, now))
            {
                await AddAsync(round, webhook, wanted, now);
            }
        }
    }

    /// <summary>Tells each webhook that was not told yet that rooms are occupied or empty, and users online or offline. What a webhook is told is remembered with
    /// the event, so that it is told once, and its next event is the opposite.</summary>
    /// <param name="round">What is decided together.</param>
    /// <param name="subjects">Rooms and users, each once.</param>
    /// <param name="isPresent">They are occupied and online now.</param>
    public async Task AddPresenceAsync(IRound round, IReadOnlyCollection<PresenceSubject> subjects, bool isPresent)
    {
        var now = time.GetUtcNow();
        foreach (var webhook in (await round.Webhooks.ListAsync()).Where(webhook => webhook is { DisabledAt: null, WantsPresence: true }))
        {
            var wanted = isPresent ? subjects.Where(webhook.WantsAnyOf).ToArray() : [.. subjects];
            if (wanted.Length == 0 || await IsFullAsync(round, webhook, now))
            {
                continue;
            }

            var news = await round.Webhooks.SetPresenceAsync(webhook.Id, wanted, isPresent, now);
            var events = news.OrderBy(one => one.One.Key, StringComparer.Ordinal)
                .Select(one => WebhookEvents.OfPresence(one.EventId, one.One, one.IsPresent, now.ToUnixTimeMilliseconds())).Where(webhook.Wants).ToArray();
            await AddAsync(round, webhook, events, now);
        }
    }

    /// <summary>Rooms and users of which some webhook was last told that they are there, in order.</summary>
    public Task<List<PresenceSubject>> ToldPresentAsync(string after, int limit, CancellationToken cancellationToken) =>
        store.ReadAsync(round => round.Webhooks.ToldPresentAsync(after, limit), cancellationToken);

    /// <summary>The events of a lane that wait, in order.</summary>
    public Task<List<WaitingEvent>> WaitingAsync(string id, string lane, int limit, CancellationToken cancellationToken) =>
        store.ReadAsync(round => round.Webhooks.WaitingAsync(id, lane, limit), cancellationToken);

    /// <summary>An event was told.</summary>
    public Task ToldAsync(string id, string lane, WaitingEvent told, CancellationToken cancellationToken) => WriteAsync(
        async round =>
        {
            await round.Webhooks.RemoveEventAsync(id, lane, told);
            await round.Webhooks.SucceededAsync(id, time.GetUtcNow());
        },
        cancellationToken);

    /// <summary>An event that stood alone was told.</summary>
    public Task SucceededAsync(string id, CancellationToken cancellationToken) =>
        WriteAsync(round => round.Webhooks.SucceededAsync(id, time.GetUtcNow()), cancellationToken);

    /// <summary>An event was not taken.</summary>
    /// <param name="id">Of the webhook.</param>
    /// <param name="lane">Of the event.</param>
    /// <param name="refused">The event.</param>
    /// <param name="notBefore">When it is told again.</param>
    /// <param name="error">Why, for operators.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public Task FailedAsync(string id, string lane, WaitingEvent refused, DateTimeOffset notBefore, string error, CancellationToken cancellationToken) =>
        WriteAsync(round => round.Webhooks.FailedAsync(id, lane, refused, notBefore, error, time.GetUtcNow()), cancellationToken);

    /// <summary>An event goes to the error queue, so that those after it are told.</summary>
    public Task GiveUpAsync(string id, string lane, WaitingEvent refused, string error, CancellationToken cancellationToken) => WriteAsync(
        async round =>
        {
            var body = JsonSerializer.Serialize(new WebhookJob(id, lane, refused.EventId, refused.Body));
            await round.Jobs.PutFailedAsync($"webhook:{id}:{refused.EventId}", WebhookHandler.KindName, body, JobStore.Shorten(error), time.GetUtcNow());
            await round.Webhooks.RemoveEventAsync(id, lane, refused);
        },
        cancellationToken);

    /// <summary>It is not told any more, until somebody enables it.</summary>
    public Task DisableAsync(string id, string error, CancellationToken cancellationToken) =>
        WriteAsync(round => round.Webhooks.DisableAsync(id, error, time.GetUtcNow()), cancellationToken);

    private static async Task<bool> RecordAsync(IRound round, Func<IRound, Task>? record, bool isDone)
    {
        await (isDone && record is not null ? record(round) : Task.CompletedTask);
        return isDone;
    }

    private static Task WakeAsync(IRound round, string id, string lane, DateTimeOffset now) => round.Jobs.PutAsync(
        $"webhook:{id}:{lane}", WebhookHandler.KindName, JsonSerializer.Serialize(new WebhookJob(id, lane)), now, now);

    private static async Task AddAsync(IRound round, Webhook webhook, WebhookEvent[] wanted, DateTimeOffset now)
    {
        if (wanted.Length > 0)
        {
            await round.Webhooks.AddEventsAsync(webhook.Id, wanted, now);
        }

        foreach (var lane in wanted.Select(one => one.Lane).Distinct(StringComparer.Ordinal))
        {
            await WakeAsync(round, webhook.Id, lane, now);
        }
    }

    private async Task<bool> EnableAsync(IRound round, string id)
    {
        if (await round.Webhooks.EnableAsync(id) is not { } lanes)
        {
            return false;
        }

        foreach (var lane in lanes)
        {
            await WakeAsync(round, id, lane, time.GetUtcNow());
        }

        return true;
    }

    // While it is told all is well, whatever waits.
    private async Task<bool> IsFullAsync(IRound round, Webhook webhook, DateTimeOffset now)
    {
        if (webhook.FailingSince is null || await round.Webhooks.CountWaitingAsync(webhook.Id) < options.Value.MaxWaiting)
        {
            return false;
        }

        await round.Webhooks.DisableAsync(webhook.Id, "too much waits for it", now);
        return true;
    }

    private Task<bool> WriteAsync(Func<IRound, Task> work, CancellationToken cancellationToken) => store.WriteAsync(
        async round =>
        {
            await work(round);
            return true;
        },
        cancellationToken);
}
