using System.Data.Common;
using Tertulia.Contracts;
using Tertulia.Notifications.Storage;
using Tertulia.Sql;

namespace Tertulia.Notifications.Following;

/// <summary>What is known of rooms from their entries: their members, their kinds. In the follower's transaction.</summary>
internal sealed class RoomFacts(ISqlDialect dialect, DbCommand command, int partition)
{
    private const int FewKeywords = 1_000;

    private readonly Dictionary<string, (string Kind, string Name)> _rooms = new(StringComparer.Ordinal);

    /// <summary>The store went back: what is known of the partition may be wrong, and comes again.</summary>
    public async Task ForgetAsync()
    {
        foreach (var table in (string[])["notification_rooms", "notification_members", "notification_threads", "notification_replies", "notification_reads"])
        {
            await command.With($"delete from {table} where partition = @partition", ("partition", partition)).RunAsync();
        }
    }

    /// <summary>Reads the rooms that entries are about.</summary>
    public async Task LoadAsync(IEnumerable<string> roomIds)
    {
        command.With($"select n.room_id, n.kind, n.name from {dialect.RowsTable("rooms", "room_id")} r join notification_rooms n on n.room_id = r.room_id");
        dialect.AddRows(command, "rooms", [.. roomIds.Distinct(StringComparer.Ordinal)]);
        foreach (var (roomId, kind, name) in await command.ListAsync(row => (row.GetString(0), row.GetString(1), row.GetString(2))))
        {
            _rooms[roomId] = (kind, name);
        }
    }

    /// <summary>The room's kind; empty when it is not known.</summary>
    public string KindOf(string roomId) => _rooms.GetValueOrDefault(roomId).Kind ?? "";

    /// <summary>How it is shown.</summary>
    public string NameOf(string roomId) => _rooms.GetValueOrDefault(roomId) is { Name.Length: > 0 } room ? room.Name : roomId;

    /// <summary>A room is, or is called otherwise.</summary>
    public async Task SetRoomAsync(string roomId, string? kind, string? name)
    {
        var known = _rooms.GetValueOrDefault(roomId);
        var now = (Kind: kind ?? known.Kind ?? "", Name: name ?? known.Name ?? "");
        _rooms[roomId] = now;
        await command.With(
            """
            insert into notification_rooms (room_id, partition, kind, name) values (@room, @partition, @kind, @name)
            on conflict (room_id) do update set kind = excluded.kind, name = excluded.name
            """,
            ("room", roomId), ("partition", partition), ("kind", now.Kind), ("name", now.Name)).RunAsync();
    }

    /// <summary>The room is no more.</summary>
    public async Task RemoveRoomAsync(string roomId)
    {
        await command.With("delete from notification_members where room_id = @room", ("room", roomId)).RunAsync();
        await command.With("delete from notification_rooms where room_id = @room", ("room", roomId)).RunAsync();
        _rooms.Remove(roomId);
    }

    /// <summary>A user's place in a room.</summary>
    public Task SetMemberAsync(string roomId, MemberChanged member, bool isMember) => isMember
        ? command.With(
            """
            insert into notification_members (room_id, user_id, partition, folded, role) values (@room, @user, @partition, @name, @role)
            on conflict (room_id, user_id) do update set role = excluded.role,
                folded = case when excluded.folded = '' then notification_members.folded else excluded.folded end
            """,
            ("room", roomId), ("user", member.UserId), ("partition", partition), ("name", Words.Fold(member.Username)), ("role", member.Role)).RunAsync()
        : command.With("delete from notification_members where room_id = @room and user_id = @user", ("room", roomId), ("user", member.UserId)).RunAsync();

    /// <summary>Members of the room, at most so many.</summary>
    public Task<List<string>> MembersAsync(string roomId, int limit) => command.With(
        "select user_id from notification_members where room_id = @room order by user_id limit @limit", ("room", roomId), ("limit", limit)).ListAsync(row => row.GetString(0));

    /// <summary>A member's role; null when the user is none.</summary>
    public Task<string?> RoleAsync(string roomId, string userId) => command.With(
        "select role from notification_members where room_id = @room and user_id = @user", ("room", roomId), ("user", userId)).FirstAsync(row => row.GetString(0));

    /// <summary>Those of the users who are members.</summary>
    public async Task<HashSet<string>> MembersOfAsync(string roomId, IReadOnlyCollection<string> userIds)
    {
        command.With(
            $"select m.user_id from {dialect.RowsTable("users", "user_id")} u join notification_members m on m.room_id = @room and m.user_id = u.user_id", ("room", roomId));
        dialect.AddRows(command, "users", [.. userIds]);
        return [.. await command.ListAsync(row => row.GetString(0))];
    }

    /// <summary>Members with one of these names: user ids, or usernames.</summary>
    public async Task<List<string>> NamedAsync(string roomId, IReadOnlyList<string> names)
    {
        var rows = dialect.RowsTable("names", "name", "folded");
        command.With(
            $"""
            select m.user_id from {rows} n join notification_members m on m.room_id = @room and m.user_id = n.name
            union
            select m.user_id from {rows} n join notification_members m on m.room_id = @room and m.folded = n.folded
            """,
            ("room", roomId));
        dialect.AddRows(command, "names", [.. names], [.. names.Select(Words.Fold)]);
        return await command.ListAsync(row => row.GetString(0));
    }

    /// <summary>Words that users want to be told of: all while they are few, then those that are asked for.</summary>
    public async Task<IReadOnlySet<string>> KeywordsInAsync(Func<IReadOnlyCollection<string>> words)
    {
        var all = await command.With("select distinct word from notification_keywords limit @limit", ("limit", FewKeywords + 1)).ListAsync(row => row.GetString(0));
        return all.Count <= FewKeywords ? all.ToHashSet(StringComparer.Ordinal) : (await KeywordsAsync(words())).Select(word => word.Key).ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>Users who want to be told of a word, by word.</summary>
    public async Task<ILookup<string, string>> KeywordsAsync(IReadOnlyCollection<string> words)
    {
        command.With($"select k.word, k.user_id from {dialect.RowsTable("words", "word")} w join notification_keywords k on k.word = w.word");
        dialect.AddRows(command, "words", [.. words]);
        return (await command.ListAsync(row => (Word: row.GetString(0), UserId: row.GetString(1)))).ToLookup(row => row.Word, row => row.UserId, StringComparer.Ordinal);
    }
}
