using System.Collections.Concurrent;
using Tertulia.Connections.Users;
using Tertulia.Contracts;

namespace Tertulia.Connections.Watching;

/// <summary>What users of this node have chosen: for what the node shows of them without asking presence.</summary>
/// <remarks>Presence says it when a user comes, also of those who have chosen nothing. Until it has, the user may be invisible, and is shown to nobody:
/// while presence is silent that is so for all who come.</remarks>
internal sealed class ChosenStatuses(UserSessions users)
{
    private readonly ConcurrentDictionary<string, ChosenStatus> _chosen = new(StringComparer.Ordinal);

    /// <summary>Takes in what a user has chosen.</summary>
    /// <returns>False when it was known, or something newer.</returns>
    public bool TryAdd(ChosenStatus status)
    {
        if (users.Of(status.UserId).Length == 0)
        {
            return false; // Its last connection to this node is gone.
        }

        var taken = _chosen.AddOrUpdate(status.UserId, status, (_, known) => known.Stamp < status.Stamp ? status : known);
        OnClosed(status.UserId); // It may have closed in this moment.
        return ReferenceEquals(taken, status);
    }

    /// <returns>Null when nothing is known.</returns>
    public ChosenStatus? Find(string userId) => _chosen.GetValueOrDefault(userId);

    /// <summary>The user is invisible, as far as is known.</summary>
    public bool IsInvisible(string userId) => Find(userId) is { Status: PresenceStatus.Invisible };

    /// <summary>Whether others may see the user: it is known that it is not invisible.</summary>
    public bool IsVisible(string userId) => Find(userId) is { } known && known.Status != PresenceStatus.Invisible;

    /// <summary>The user as this node knows it.</summary>
    public PresentUser Show(string userId, string username)
    {
        var status = Find(userId);
        return new PresentUser
        {
            UserId = userId, Username = username, Status = status?.Status ?? PresenceStatus.Online, Text = status?.Text ?? "", Emoji = status?.Emoji ?? "",
        };
    }

    /// <summary>A connection of the user may have been its last one here.</summary>
    public void OnClosed(string userId)
    {
        if (users.Of(userId).Length == 0)
        {
            _chosen.TryRemove(userId, out _);
        }
    }
}
