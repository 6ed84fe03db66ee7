namespace Tertulia.Messages.Storage.Sql;

/// <summary>Reads of rooms on SQLite or PostgreSQL, in the message store's own database.</summary>
internal sealed class SqlRoomReads(ISqlDialect dialect) : IRoomReads
{
    // From the end of the room to the first entry that is old enough. 20 is the field number of RoomEvent.message.
    private const string LastSent = """
        select sender_id, max(created_at_ms) from room_log
        where room_id = @room and kind = 20 and created_at_ms > @since and seq > coalesce(
            (select l.seq from room_log l where l.room_id = @room and l.created_at_ms <= @since order by l.seq desc limit 1), 0)
        group by sender_id
        """;

    public Task<Dictionary<string, long>> LastSentAsync(string roomId, long sinceMs, CancellationToken cancellationToken) => dialect.TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync();
        await using var command = connection.CreateCommand(LastSent, ("room", roomId), ("since", sinceMs));
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        var times = new Dictionary<string, long>(StringComparer.Ordinal);
        while (await reader.ReadAsync(CancellationToken.None))
        {
            times[reader.GetString(0)] = reader.GetInt64(1);
        }

        return times;
    }, cancellationToken);
}
