using Google.Protobuf;
using Tertulia.Contracts;
using Tertulia.Notifications.Digests;
using Tertulia.Notifications.Storage;

namespace Tertulia.Notifications.Preferences;

/// <summary>The users' preferences, and their keywords as the follower looks for them.</summary>
internal sealed class PreferenceStore(NotificationStore store, TimeProvider time)
{
    private static readonly JsonParser Parser = new(JsonParser.Settings.Default.WithIgnoreUnknownFields(true));

    /// <summary>As they are stored.</summary>
    public static NotificationPreferences Parse(string json) => Parser.Parse<NotificationPreferences>(json);

    /// <summary>A user's; those of everyone when the user chose none.</summary>
    public Task<NotificationPreferences> ReadAsync(string userId, CancellationToken cancellationToken) => store.ReadAsync(round => ReadAsync(round, userId), cancellationToken);

    /// <inheritdoc cref="ReadAsync(string, CancellationToken)"/>
    public static async Task<NotificationPreferences> ReadAsync(IRound round, string userId) =>
        (await round.Preferences.FindAsync([userId])).GetValueOrDefault(userId) ?? new NotificationPreferences();

    /// <summary>Replaces a user's.</summary>
    public Task SaveAsync(string userId, NotificationPreferences preferences, CancellationToken cancellationToken) => store.WriteAsync(async round =>
    {
        await round.Preferences.SaveAsync(userId, preferences, [.. preferences.Keywords.Select(FoldedText.Of).Distinct(StringComparer.Ordinal)]);
        await WithheldItems.ScheduleAsync(round, userId, preferences, time.GetUtcNow());
        return true;
    }, cancellationToken);
}
