using System.Data.Common;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tertulia.Notifications.Inbox;
using Tertulia.Notifications.Storage;

namespace Tertulia.Notifications.Privacy;

/// <summary>Deletes what this service knows of a user, a few rows at a time; done twice it finds nothing.</summary>
internal sealed class UserEraser(NotificationStore store, InboxStore inbox, InboxNews news)
{
    private const int AtOnce = 500;

    // Whose rows they are, by the name of the column.
    private static readonly (string Table, string Column)[] Owned =
    [
        ("notification_subscriptions", "user_id"), ("notification_pushes", "user_id"), ("notification_push_users", "user_id"), ("notification_keywords", "user_id"),
        ("notification_reads", "user_id"), ("notification_threads", "user_id"), ("notification_members", "user_id"),
        ("notification_withheld", "user_id"), ("notification_pushed", "user_id"), ("notification_push_outcomes", "user_id"),
    ];

    public async Task EraseAsync(string userId, CancellationToken cancellationToken)
    {
        while (await store.WriteAsync(
            command => command.With(
                """
                delete from notification_inbox where (user_id, useq) in (
                    select user_id, useq from notification_inbox where user_id = @user order by useq limit @count)
                """,
                ("user", userId), ("count", AtOnce)).RunAsync(),
            cancellationToken) == AtOnce)
        {
            cancellationToken.ThrowIfCancellationRequested();
        }

        await store.WriteAsync(command => DeleteOwnedAsync(command, userId), cancellationToken);
        while (await RemoveOfOthersAsync(userId, cancellationToken) == AtOnce)
        {
            cancellationToken.ThrowIfCancellationRequested();
        }

        await EmptyWebhookEventsAsync(userId, cancellationToken);
        await EmptyFailedJobsAsync(userId, cancellationToken);
    }

    private static async Task<bool> DeleteOwnedAsync(DbCommand command, string userId)
    {
        foreach (var (table, column) in Owned)
        {
            await command.With($"delete from {table} where {column} = @user", ("user", userId)).RunAsync();
        }

        // The row stays with its number, so that a user who comes back under the same id is told nothing under a number that devices have seen.
        await command.With("update notification_users set preferences = null, unread = 0 where user_id = @user", ("user", userId)).RunAsync();
        await command.With("delete from notification_webhook_presence where subject = @subject", ("subject", $"u:{userId}")).RunAsync();
        foreach (var job in (string[])["push-user", "digest"])
        {
            await command.With("delete from notification_jobs where job_key = @key", ("key", $"{job}:{userId}")).RunAsync();
        }

        await command.With(
            "delete from notification_jobs where kind = 'push' and job_key >= @from and job_key < @to", ("from", $"push:{userId}:"), ("to", $"push:{userId};")).RunAsync();
        return true;
    }

    private async Task<int> RemoveOfOthersAsync(string userId, CancellationToken cancellationToken)
    {
        var ended = await store.WriteAsync(command => inbox.RemoveOfActorAsync(command, userId, AtOnce), cancellationToken);
        inbox.OnCommitted();
        await news.TellAsync([], ended, cancellationToken);
        return ended.Sum(user => user.Items.Count);
    }

    // What waits for a webhook is told without what the user wrote and is called.
    private async Task EmptyWebhookEventsAsync(string userId, CancellationToken cancellationToken)
    {
        var after = new Waiting("", "", 0, "");
        while (true)
        {
            var page = await store.ReadAsync(
                command => command.With(
                    """
                    select webhook_id, lane, position, body from notification_webhook_events
                    where (webhook_id, lane, position) > (@id, @lane, @position) order by webhook_id, lane, position limit @count
                    """,
                    ("id", after.WebhookId), ("lane", after.Lane), ("position", after.Position), ("count", AtOnce))
                    .ListAsync(row => new Waiting(row.GetString(0), row.GetString(1), row.GetInt64(2), row.GetString(3))),
                cancellationToken);
            foreach (var one in page)
            {
                if (Without(one.Body, userId) is { } body)
                {
                    await store.WriteAsync(
                        command => command.With(
                            "update notification_webhook_events set body = @body where webhook_id = @id and lane = @lane and position = @position",
                            ("body", body), ("id", one.WebhookId), ("lane", one.Lane), ("position", one.Position)).RunAsync(),
                        cancellationToken);
                }
            }

            if (page.Count < AtOnce)
            {
                return;
            }

            after = page[^1];
        }
    }

    // An event that was given up is in the body of its job.
    private async Task EmptyFailedJobsAsync(string userId, CancellationToken cancellationToken)
    {
        var after = "";
        while (true)
        {
            var page = await store.ReadAsync(
                command => command.With(
                    "select job_key, body from notification_jobs where kind = 'webhook' and failed_at_ms is not null and job_key > @after order by job_key limit @count",
                    ("after", after), ("count", AtOnce)).ListAsync(row => (Key: row.GetString(0), Body: row.GetString(1))),
                cancellationToken);
            foreach (var (key, job) in page)
            {
                if (JsonNode.Parse(job) is JsonObject node && node["Body"] is JsonValue told && Without(told.GetValue<string>(), userId) is { } body)
                {
                    node["Body"] = body;
                    await store.WriteAsync(
                        command => command.With("update notification_jobs set body = @body where job_key = @key", ("body", node.ToJsonString()), ("key", key)).RunAsync(),
                        cancellationToken);
                }
            }

            if (page.Count < AtOnce)
            {
                return;
            }

            after = page[^1].Key;
        }
    }

    /// <returns>Null when the event says nothing of the user.</returns>
    internal static string? Without(string body, string userId)
    {
        JsonNode? node;
        try
        {
            node = JsonNode.Parse(body);
        }
        catch (JsonException)
        {
            return null;
        }

        if (node?["data"] is not JsonObject data || !(Is("user_id") || Is("author_id")))
        {
            return null;
        }

        foreach (var name in (string[])["username", "metadata", "reason"])
        {
            data.Remove(name);
        }

        if (data.ContainsKey("content"))
        {
            data["content"] = "";
        }

        return node.ToJsonString();

        bool Is(string name) => data[name] is JsonValue value && value.GetValueKind() == JsonValueKind.String && value.GetValue<string>() == userId;
    }

    private sealed record Waiting(string WebhookId, string Lane, long Position, string Body);
}
