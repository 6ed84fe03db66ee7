using System.Data.Common;
using Tertulia.Sql;

namespace Tertulia.Notifications.Storage.Sql;

/// <summary>What is known of rooms, on SQLite or PostgreSQL. A transaction that holds the partition's mark writes nothing that is older.</summary>
internal sealed class SqlFactRows(ISqlDialect dialect, DbCommand command) : IFactRows
{
    public async Task ForgetAsync(int partition)
    {
        string[] tables =
        [
            "notification_rooms", "notification_members", "notification_threads", "notification_replies", "notification_reads", "notification_later",
        ];
        foreach (var table in tables)
        {
            await command.With($"delete from {table} where partition = @partition", ("partition", partition)).RunAsync();
        }
    }

    public Task<List<(string RoomId, string Kind, string Name)>> FindRoomsAsync(IReadOnlyCollection<string> roomIds)
    {
        command.With($"select n.room_id, n.kind, n.name from {dialect.RowsTable("rooms", "room_id")} r join notification_rooms n on n.room_id = r.room_id");
        dialect.AddRows(command, "rooms", [.. roomIds]);
        return command.ListAsync(row => (row.GetString(0), row.GetString(1), row.GetString(2)));
    }

    public Task SetRoomAsync(string roomId, int partition, string kind, string name, long seq) => command.With(
        """
        insert into notification_rooms (room_id, partition, kind, name) values (@room, @partition, @kind, @name)
        on conflict (room_id) do update set kind = excluded.kind, name = excluded.name
        """,
        ("room", roomId), ("partition", partition), ("kind", kind), ("name", name)).RunAsync();

    public async Task RemoveRoomAsync(string roomId)
    {
        await command.With("delete from notification_members where room_id = @room", ("room", roomId)).RunAsync();
        await command.With("delete from notification_rooms where room_id = @room", ("room", roomId)).RunAsync();
    }

    public Task SetMemberAsync(string roomId, int partition, string userId, string folded, string role, long seq) => role.Length > 0
        ? command.With(
            """
            insert into notification_members (room_id, user_id, partition, folded, role) values (@room, @user, @partition, @name, @role)
            on conflict (room_id, user_id) do update set role = excluded.role,
                folded = case when excluded.folded = '' then notification_members.folded else excluded.folded end
            """,
            ("room", roomId), ("user", userId), ("partition", partition), ("name", folded), ("role", role)).RunAsync()
        : command.With("delete from notification_members where room_id = @room and user_id = @user", ("room", roomId), ("user", userId)).RunAsync();

    public Task<List<string>> MembersAsync(string roomId, string after, int limit) => command.With(
        "select user_id from notification_members where room_id = @room and user_id > @after order by user_id limit @limit",
        ("room", roomId), ("after", after), ("limit", limit)).ListAsync(row => row.GetString(0));

    public Task<string?> RoleAsync(string roomId, string userId) => command.With(
        "select role from notification_members where room_id = @room and user_id = @user", ("room", roomId), ("user", userId)).FirstAsync(row => row.GetString(0));

    public async Task<HashSet<string>> MembersOfAsync(string roomId, IReadOnlyCollection<string> userIds)
    {
        command.With(
            $"select m.user_id from {dialect.RowsTable("users", "user_id")} u join notification_members m on m.room_id = @room and m.user_id = u.user_id", ("room", roomId));
        dialect.AddRows(command, "users", [.. userIds]);
        return [.. await command.ListAsync(row => row.GetString(0))];
    }

    public Task<List<string>> NamedAsync(string roomId, IReadOnlyCollection<string> userIds, IReadOnlyCollection<string> folded)
    {
        command.With(
            $"""
            select m.user_id from {dialect.RowsTable("ids", "id")} n join notification_members m on m.room_id = @room and m.user_id = n.id
            union
            select m.user_id from {dialect.RowsTable("names", "name")} n join notification_members m on m.room_id = @room and m.folded = n.name
            """,
            ("room", roomId));
        dialect.AddRows(command, "ids", [.. userIds]);
        dialect.AddRows(command, "names", [.. folded]);
        return command.ListAsync(row => row.GetString(0));
    }
}
