using Tertulia.Contracts;
using Tertulia.Presence.Storage;
using Tertulia.Presence.Tracking;

namespace Tertulia.Presence.Querying;

/// <summary>How users are shown, and when those were last seen who are not online.</summary>
internal sealed partial class UserQuery(PresenceLoop loop, IPresenceStore store, ILogger<UserQuery> logger)
{
    /// <returns>In the order of the ids.</returns>
    public async Task<UsersPresence> ShownAsync(IReadOnlyList<string> userIds, CancellationToken cancellationToken)
    {
        var shown = await loop.AskAsync(map => new UsersPresence { Users = { userIds.Select(map.Shown) } }, cancellationToken);
        var unknown = shown.Users.Where(user => user.Status == PresenceStatus.Offline && user.LastSeenMs == 0).ToLookup(user => user.UserId, StringComparer.Ordinal);
        if (unknown.Count == 0)
        {
            return shown;
        }

        try
        {
            foreach (var (userId, seenMs) in await store.ReadSeenAsync([.. unknown.Select(user => user.Key)], cancellationToken))
            {
                foreach (var user in unknown[userId])
                {
                    user.LastSeenMs = seenMs;
                }
            }
        }
        catch (StoreUnavailableException exception)
        {
            LogNotRead(exception.InnerException?.Message ?? exception.Message); // Who is online matters more.
        }

        return shown;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "When users were last seen cannot be read: {Reason}")]
    private partial void LogNotRead(string reason);
}
