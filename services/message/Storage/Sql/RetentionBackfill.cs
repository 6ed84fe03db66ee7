using System.Data.Common;
using Tertulia.Contracts;

namespace Tertulia.Messages.Storage.Sql;

/// <summary>The part of migration 16 that no statement can do: how long messages are kept in rooms that have it in their settings already.</summary>
internal static class RetentionBackfill
{
    /// <summary>The migration it belongs to.</summary>
    public const int Version = 16;

    /// <summary>In the migration's transaction.</summary>
    public static async Task RunAsync(DbCommand command)
    {
        List<(string RoomId, uint Days)> rooms = [];
        command.CommandText = "select room_id, settings from rooms where settings is not null";
        await using (var reader = await command.ExecuteReaderAsync(CancellationToken.None))
        {
            while (await reader.ReadAsync(CancellationToken.None))
            {
                var days = RoomSettings.Parser.ParseFrom(reader.GetFieldValue<byte[]>(1)).RetentionDays;
                if (days > 0)
                {
                    rooms.Add((reader.GetString(0), days));
                }
            }
        }

        foreach (var (roomId, days) in rooms)
        {
            command.CommandText = "update rooms set retention_days = @days where room_id = @room";
            command.Parameters.Add(command.Parameter("days", (int)days));
            command.Parameters.Add(command.Parameter("room", roomId));
            await command.ExecuteNonQueryAsync(CancellationToken.None);
            command.Parameters.Clear();
        }
    }
}
