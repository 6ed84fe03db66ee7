using System.Data.Common;
using System.Text.Json;
using Tertulia.Notifications.Jobs;
using Tertulia.Notifications.Storage;

namespace Tertulia.Notifications.Push;

/// <summary>What a user is to be shown and was not pushed yet, written in the transactions of those who decide it. However much comes, it waits as one row for
/// each tag, and one job.</summary>
internal static class PendingPushes
{
    private const string RemovedBody = "This message was removed";

    private const string Add = """
        insert into notification_pushes (user_id, tag, notification_id, useq, content, waiting, shown_id)
        values (@user, @tag, @id, @useq, @content, 1, null)
        on conflict (user_id, tag) do update set
            notification_id = excluded.notification_id, useq = excluded.useq, content = excluded.content, waiting = notification_pushes.waiting + 1
        """;

    /// <summary>Something was put into a user's inbox that is to be pushed. Nothing happens for a user without devices.</summary>
    /// <param name="command">Of the transaction that puts it there. After its commit, <see cref="JobStore.Ring"/>.</param>
    /// <param name="userId">Whose inbox.</param>
    /// <param name="content">What is to be shown.</param>
    /// <param name="window">As in <see cref="PushOptions.CollapseWindow"/>.</param>
    /// <param name="now">The time.</param>
    public static async Task AddAsync(DbCommand command, string userId, PushContent content, TimeSpan window, DateTimeOffset now)
    {
        if (await command.With("select 1 from notification_subscriptions where user_id = @user limit 1", ("user", userId)).ExecuteScalarAsync(CancellationToken.None) is null)
        {
            return;
        }

        await command.With(
            Add, ("user", userId), ("tag", content.Tag), ("id", content.NotificationId), ("useq", content.Useq), ("content", JsonSerializer.Serialize(content))).RunAsync();
        await WakeAsync(command, userId, window, now);
    }

    /// <summary>What a notification tells of is gone: when it was shown it is replaced, visibly; when it waits it is not pushed.</summary>
    /// <inheritdoc cref="AddAsync" path="/param"/>
    public static async Task RetractAsync(DbCommand command, string userId, string tag, string notificationId, TimeSpan window, DateTimeOffset now)
    {
        var row = await command.With(
            "select content, waiting, shown_id, notification_id from notification_pushes where user_id = @user and tag = @tag", ("user", userId), ("tag", tag))
            .FirstAsync(row => new Row(row.GetString(0), row.GetInt32(1), row.IsDBNull(2) ? null : row.GetString(2), row.GetString(3)));
        if (row is null || row.NewestId != notificationId)
        {
            return; // Something newer took its place on the device, or it was read.
        }

        var isShown = row.ShownId == notificationId;
        if (!isShown && row is { Waiting: <= 1, ShownId: null })
        {
            await command.With("delete from notification_pushes where user_id = @user and tag = @tag", ("user", userId), ("tag", tag)).RunAsync();
            return;
        }

        var content = JsonSerializer.Deserialize<PushContent>(row.Content)! with { Body = RemovedBody };
        await command.With(
            "update notification_pushes set content = @content, waiting = @waiting where user_id = @user and tag = @tag",
            ("user", userId), ("tag", tag), ("content", JsonSerializer.Serialize(content)), ("waiting", isShown ? 1 : row.Waiting - 1)).RunAsync();
        if (isShown)
        {
            await WakeAsync(command, userId, window, now);
        }
    }

    /// <summary>The user has read the inbox up to a position: nothing of that is pushed, or replaced, any more.</summary>
    public static Task ReadAsync(DbCommand command, string userId, long upToUseq) => command.With(
        "delete from notification_pushes where user_id = @user and useq <= @useq", ("user", userId), ("useq", upToUseq)).RunAsync();

    /// <summary>The user has read one notification.</summary>
    public static Task ReadAsync(DbCommand command, string userId, string notificationId) => command.With(
        "delete from notification_pushes where user_id = @user and notification_id = @id", ("user", userId), ("id", notificationId)).RunAsync();

    /// <summary>When the user may be pushed to again.</summary>
    public static async Task<DateTimeOffset> DueAsync(DbCommand command, string userId, TimeSpan window) =>
        await command.With("select pushed_at_ms from notification_push_users where user_id = @user", ("user", userId)).ExecuteScalarAsync(CancellationToken.None)
            is long pushedAt
            ? DateTimeOffset.FromUnixTimeMilliseconds(pushedAt) + window
            : DateTimeOffset.MinValue;

    private static async Task WakeAsync(DbCommand command, string userId, TimeSpan window, DateTimeOffset now)
    {
        var due = await DueAsync(command, userId, window);
        await JobStore.PutAsync(command, $"push-user:{userId}", PushUserHandler.KindName, userId, due > now ? due : now, now);
    }

    private sealed record Row(string Content, int Waiting, string? ShownId, string NewestId);
}
