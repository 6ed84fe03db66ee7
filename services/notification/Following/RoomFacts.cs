using Tertulia.Contracts;
using Tertulia.Notifications.Storage;

namespace Tertulia.Notifications.Following;

/// <summary>What is known of a partition's rooms from their entries: their members, their kinds. In the follower's round.</summary>
internal sealed class RoomFacts(IFactRows rows, int partition)
{
    private readonly Dictionary<string, (string Kind, string Name)> _rooms = new(StringComparer.Ordinal);

    /// <summary>Of the rooms.</summary>
    public int Partition => partition;

    /// <summary>The store went back: what is known of the partition may be wrong, and comes again.</summary>
    public Task ForgetAsync() => rows.ForgetAsync(partition);

    /// <summary>Reads the rooms that entries are about.</summary>
    public async Task LoadAsync(IEnumerable<string> roomIds)
    {
        foreach (var (roomId, kind, name) in await rows.FindRoomsAsync([.. roomIds.Distinct(StringComparer.Ordinal)]))
        {
            _rooms[roomId] = (kind, name);
        }
    }

    /// <summary>The room's kind; empty when it is not known.</summary>
    public string KindOf(string roomId) => _rooms.GetValueOrDefault(roomId).Kind ?? "";

    /// <summary>How it is shown.</summary>
    public string NameOf(string roomId) => _rooms.GetValueOrDefault(roomId) is { Name.Length: > 0 } room ? room.Name : roomId;

    /// <summary>A room is, or is called otherwise.</summary>
    public Task SetRoomAsync(string roomId, string? kind, string? name, long seq)
    {
        var known = _rooms.GetValueOrDefault(roomId);
        var now = (Kind: kind ?? known.Kind ?? "", Name: name ?? known.Name ?? "");
        _rooms[roomId] = now;
        return rows.SetRoomAsync(roomId, partition, now.Kind, now.Name, seq);
    }

    /// <summary>The room is no more.</summary>
    public Task RemoveRoomAsync(string roomId)
    {
        _rooms.Remove(roomId);
        return rows.RemoveRoomAsync(roomId);
    }

    /// <summary>A user's place in a room.</summary>
    public Task SetMemberAsync(string roomId, MemberChanged member, bool isMember, long seq) =>
        rows.SetMemberAsync(roomId, partition, member.UserId, FoldedText.Of(member.Username), isMember ? member.Role : "", seq);

    /// <inheritdoc cref="IFactRows.MembersAsync"/>
    public Task<List<string>> MembersAsync(string roomId, string after, int limit) => rows.MembersAsync(roomId, after, limit);

    /// <summary>A member's role; null when the user is none.</summary>
    public Task<string?> RoleAsync(string roomId, string userId) => rows.RoleAsync(roomId, userId);

    /// <summary>Those of the users who are members.</summary>
    public Task<HashSet<string>> MembersOfAsync(string roomId, IReadOnlyCollection<string> userIds) => rows.MembersOfAsync(roomId, userIds);

    /// <summary>Members with one of these names: user ids, or usernames.</summary>
    public Task<List<string>> NamedAsync(string roomId, IReadOnlyList<string> names) => rows.NamedAsync(roomId, names, [.. names.SelectMany(Words.FormsOf).Distinct(StringComparer.Ordinal)]);
}
