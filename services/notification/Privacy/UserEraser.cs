using System.Text.Json;
using System.Text.Json.Nodes;
using Tertulia.Notifications.Inbox;
using Tertulia.Notifications.Storage;

namespace Tertulia.Notifications.Privacy;

/// <summary>Deletes what this service knows of a user, a few rows at a time; done twice it finds nothing.</summary>
internal sealed class UserEraser(NotificationStore store, InboxStore inbox, InboxNews news)
{
    private const int AtOnce = 500;

    public async Task EraseAsync(string userId, CancellationToken cancellationToken)
    {
        while (await store.WriteAsync(round => round.Owned.RemoveInboxAsync(userId, AtOnce), cancellationToken) == AtOnce)
        {
            cancellationToken.ThrowIfCancellationRequested();
        }

        await WriteAsync(round => round.Owned.RemoveAsync(userId), cancellationToken);
        while (await RemoveOfOthersAsync(userId, cancellationToken) == AtOnce)
        {
            cancellationToken.ThrowIfCancellationRequested();
        }

        await EmptyWebhookEventsAsync(userId, cancellationToken);
        await EmptyFailedJobsAsync(userId, cancellationToken);
    }

    private async Task<int> RemoveOfOthersAsync(string userId, CancellationToken cancellationToken)
    {
        var ended = await store.WriteAsync(
            async round =>
            {
                await round.Later.RemoveOfActorAsync(userId); // First: what is told of it meanwhile is found then.
                return await inbox.RemoveOfActorAsync(round, userId, AtOnce);
            },
            cancellationToken);
        inbox.OnCommitted();
        await news.TellAsync([], ended, cancellationToken);
        return ended.Sum(user => user.Items.Count);
    }

    // What waits for a webhook is told without what the user wrote and is called.
    private async Task EmptyWebhookEventsAsync(string userId, CancellationToken cancellationToken)
    {
        StoredEvent? after = null;
        while (true)
        {
            var page = await store.ReadAsync(round => round.Webhooks.ListEventsAsync(after, AtOnce), cancellationToken);
            foreach (var one in page)
            {
                if (Without(one.Body, userId) is { } body)
                {
                    await WriteAsync(round => round.Webhooks.SetBodyAsync(one, body), cancellationToken);
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
            var page = await store.ReadAsync(round => round.Owned.FailedWebhookJobsAsync(after, AtOnce), cancellationToken);
            foreach (var (key, job) in page)
            {
                if (JsonNode.Parse(job) is JsonObject node && node["Body"] is JsonValue told && Without(told.GetValue<string>(), userId) is { } body)
                {
                    node["Body"] = body;
                    await WriteAsync(round => round.Owned.SetJobBodyAsync(key, node.ToJsonString()), cancellationToken);
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

    private Task<bool> WriteAsync(Func<IRound, Task> work, CancellationToken cancellationToken) => store.WriteAsync(
        async round =>
        {
            await work(round);
            return true;
        },
        cancellationToken);
}
