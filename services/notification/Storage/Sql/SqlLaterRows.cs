using System.Data.Common;
using Tertulia.Notifications.Inbox;

namespace Tertulia.Notifications.Storage.Sql;

/// <summary>What is told later, on SQLite or PostgreSQL.</summary>
internal sealed class SqlLaterRows(DbCommand command) : ILaterRows
{
    private const string Columns = "part_id, partition, event_id, content";

    public async Task PutAsync(IReadOnlyList<LaterPart> parts)
    {
        foreach (var part in parts)
        {
            await command.With(
                """
                insert into notification_later (partition, part_id, event_id, message_id, room_id, seq, actor_id, content)
                values (@partition, @part, @event, @message, @room, @seq, @actor, @content)
                on conflict (partition, part_id) do update set content = excluded.content
                """,
                ("partition", part.Partition), ("part", part.PartId), ("event", part.EventId), ("message", part.Item.MessageId), ("room", part.Item.RoomId),
                ("seq", part.Item.Seq), ("actor", part.Item.UserId), ("content", part.Write())).RunAsync();
        }
    }

    public Task ReplaceAsync(LaterPart part) => PutAsync([part]);

    public Task<LaterPart?> NextAsync(int partition) => command.With(
        $"select {Columns} from notification_later where partition = @partition order by part_id limit 1", ("partition", partition)).FirstAsync(Read);

    public Task RemoveAsync(LaterPart part) => command.With(
        "delete from notification_later where partition = @partition and part_id = @part", ("partition", part.Partition), ("part", part.PartId)).RunAsync();

    public Task<List<LaterPart>> OfEventAsync(string eventId, string messageId) => command.With(
        $"select {Columns} from notification_later where message_id = @message and event_id = @event order by part_id", ("message", messageId), ("event", eventId))
        .ListAsync(Read)!;

    public Task RemoveOfMessageAsync(string messageId) => command.With("delete from notification_later where message_id = @message", ("message", messageId)).RunAsync();

    public Task RemoveOfRoomAsync(string roomId, long beforeSeq) => command.With(
        "delete from notification_later where room_id = @room and seq < @seq", ("room", roomId), ("seq", beforeSeq)).RunAsync();

    public Task RemoveOfActorAsync(string actorId) => command.With("delete from notification_later where actor_id = @actor", ("actor", actorId)).RunAsync();

    private static LaterPart? Read(DbDataReader row) => LaterPart.Read(row.GetString(0), row.GetInt32(1), row.GetString(2), row.GetString(3));
}
