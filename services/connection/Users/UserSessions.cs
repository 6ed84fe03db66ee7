using System.Collections.Concurrent;
using Tertulia.Connections.Sessions;

namespace Tertulia.Connections.Users;

/// <summary>The sessions of each user on this node.</summary>
internal sealed class UserSessions
{
    private readonly ConcurrentDictionary<string, Session[]> _users = new(StringComparer.Ordinal);

    /// <summary>The user's sessions at this moment. Not to be changed.</summary>
    public Session[] Of(string userId) => _users.GetValueOrDefault(userId) ?? [];

    /// <summary>A session's user is known.</summary>
    public void Add(Session session, string userId) => _users.AddOrUpdate(userId, static (_, added) => [added], static (_, sessions, added) => [.. sessions, added], session);

    /// <summary>A session that was added is over.</summary>
    public void Remove(Session session, string userId)
    {
        while (_users.TryGetValue(userId, out var sessions))
        {
            var rest = Array.FindAll(sessions, other => other != session);
            if (rest.Length == 0 ? _users.TryRemove(KeyValuePair.Create(userId, sessions)) : _users.TryUpdate(userId, rest, sessions))
            {
                return;
            }
        }
    }
}
