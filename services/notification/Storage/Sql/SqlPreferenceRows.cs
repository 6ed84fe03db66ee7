using System.Data.Common;
using Google.Protobuf;
using Tertulia.Contracts;
using Tertulia.Notifications.Preferences;
using Tertulia.Sql;

namespace Tertulia.Notifications.Storage.Sql;

/// <summary>Preferences on SQLite or PostgreSQL, as JSON.</summary>
internal sealed class SqlPreferenceRows(ISqlDialect dialect, DbCommand command) : IPreferenceRows
{
    private const int FewKeywords = 1_000;

    public async Task<Dictionary<string, NotificationPreferences>> FindAsync(IReadOnlyCollection<string> userIds)
    {
        command.With($"""
            select u.user_id, u.preferences from {dialect.RowsTable("rows", "user_id")} r
            join notification_users u on u.user_id = r.user_id where u.preferences is not null
            """);
        dialect.AddRows(command, "rows", [.. userIds]);
        return (await command.ListAsync(row => (UserId: row.GetString(0), Json: row.GetString(1))))
            .ToDictionary(row => row.UserId, row => PreferenceStore.Parse(row.Json), StringComparer.Ordinal);
    }

    public async Task SaveAsync(string userId, NotificationPreferences preferences, IReadOnlyCollection<string> words)
    {
        await command.With(
            """
            insert into notification_users (user_id, last_useq, unread, preferences) values (@user, 0, 0, @preferences)
            on conflict (user_id) do update set preferences = excluded.preferences
            """,
            ("user", userId), ("preferences", JsonFormatter.Default.Format(preferences))).RunAsync();
        await command.With("delete from notification_keywords where user_id = @user", ("user", userId)).RunAsync();
        foreach (var word in words)
        {
            await command.With("insert into notification_keywords (word, user_id) values (@word, @user)", ("word", word), ("user", userId)).RunAsync();
        }
    }

    // All while they are few, then those that are asked for.
    public async Task<IReadOnlySet<string>> KeywordsInAsync(Func<IReadOnlyCollection<string>> words)
    {
        var all = await command.With("select distinct word from notification_keywords limit @limit", ("limit", FewKeywords + 1)).ListAsync(row => row.GetString(0));
        return all.Count <= FewKeywords ? all.ToHashSet(StringComparer.Ordinal) : (await KeywordsAsync(words())).Select(word => word.Key).ToHashSet(StringComparer.Ordinal);
    }

    public async Task<ILookup<string, string>> KeywordsAsync(IReadOnlyCollection<string> words)
    {
        command.With($"select k.word, k.user_id from {dialect.RowsTable("words", "word")} w join notification_keywords k on k.word = w.word");
        dialect.AddRows(command, "words", [.. words]);
        return (await command.ListAsync(row => (Word: row.GetString(0), UserId: row.GetString(1)))).ToLookup(row => row.Word, row => row.UserId, StringComparer.Ordinal);
    }
}
