using System.Data.Common;
using Google.Protobuf;
using Tertulia.Contracts;
using Tertulia.Notifications.Digests;
using Tertulia.Notifications.Following;
using Tertulia.Notifications.Storage;

namespace Tertulia.Notifications.Preferences;

/// <summary>The users' preferences, and their keywords as the follower looks for them.</summary>
internal sealed class PreferenceStore(NotificationStore store, TimeProvider time)
{
    private static readonly JsonParser Parser = new(JsonParser.Settings.Default.WithIgnoreUnknownFields(true));

    /// <summary>As they are stored.</summary>
    public static NotificationPreferences Parse(string json) => Parser.Parse<NotificationPreferences>(json);

    /// <summary>A user's; those of everyone when the user chose none.</summary>
    public Task<NotificationPreferences> ReadAsync(string userId, CancellationToken cancellationToken) => store.ReadAsync(command => ReadAsync(command, userId), cancellationToken);

    /// <inheritdoc cref="ReadAsync(string, CancellationToken)"/>
    public static async Task<NotificationPreferences> ReadAsync(DbCommand command, string userId) =>
        await command.With("select preferences from notification_users where user_id = @user", ("user", userId))
            .FirstAsync(row => row.IsDBNull(0) ? null : row.GetString(0)) is { } json
            ? Parse(json)
            : new NotificationPreferences();

    /// <summary>Replaces a user's.</summary>
    public Task SaveAsync(string userId, NotificationPreferences preferences, CancellationToken cancellationToken) => store.WriteAsync(async command =>
    {
        await command.With(
            """
            insert into notification_users (user_id, last_useq, unread, preferences) values (@user, 0, 0, @preferences)
            on conflict (user_id) do update set preferences = excluded.preferences
            """,
            ("user", userId), ("preferences", JsonFormatter.Default.Format(preferences))).RunAsync();
        await command.With("delete from notification_keywords where user_id = @user", ("user", userId)).RunAsync();
        foreach (var word in preferences.Keywords.Select(Words.Fold).Distinct(StringComparer.Ordinal))
        {
            await command.With("insert into notification_keywords (word, user_id) values (@word, @user)", ("word", word), ("user", userId)).RunAsync();
        }

        await WithheldItems.ScheduleAsync(command, userId, preferences, time.GetUtcNow());
        return true;
    }, cancellationToken);
}
