using Google.Protobuf;
using Npgsql;
using NpgsqlTypes;
using Tertulia.Contracts;

namespace Tertulia.Messages.Storage.Sql;

/// <summary>Appends a flush in one round trip: one batch, which the server runs as one transaction, with one statement per table
/// whose rows come as arrays. The statements are the same for any number of rows, so they stay prepared.</summary>
internal sealed class PostgresAppend(NpgsqlDataSource source)
{
    // The log comes first: a conflict is then found before anything else is locked.
    private const string InsertLog = """
        insert into room_log (room_id, seq, kind, sender_id, idempotency_key, created_at_ms, body)
        select * from unnest($1, $2, $3, $4, $5, $6, $7)
        """;

    private const string InsertRooms = """
        insert into rooms (room_id, kind, members, created_at_ms)
        select room_id, kind, 0, created_at_ms from unnest($1, $2, $3) as r(room_id, kind, created_at_ms)
        """;

    // A user's last change in the flush counts: a statement may not touch a row twice.
    private const string UpsertMembers = """
        insert into members (room_id, user_id, username, role)
        select distinct on (room_id, user_id) room_id, user_id, username, role
        from unnest($1, $2, $3, $4) with ordinality as m(room_id, user_id, username, role, place)
        order by room_id, user_id, place desc
        on conflict (room_id, user_id) do update set username = excluded.username, role = excluded.role
        """;

    private const string UpdateCounts = """
        update rooms set members = c.members
        from (select distinct on (room_id) room_id, members
              from unnest($1, $2) with ordinality as u(room_id, members, place) order by room_id, place desc) c
        where rooms.room_id = c.room_id
        """;

    public async Task<AppendOutcome> AppendAsync(IReadOnlyList<LogEntry> entries, CancellationToken cancellationToken)
    {
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        await using var batch = new NpgsqlBatch(connection);
        AddLog(batch, entries, out var members, out var rooms);
        AddRooms(batch, entries, rooms);
        AddMembers(batch, entries, members);
        try
        {
            await batch.ExecuteNonQueryAsync(cancellationToken);
            return AppendOutcome.Appended;
        }
        // Two writers that append several rooms in different orders may also find each other in a deadlock.
        catch (PostgresException exception) when (exception.SqlState is PostgresErrorCodes.UniqueViolation
            or PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure)
        {
            return AppendOutcome.Conflict;
        }
    }

    private static void AddLog(NpgsqlBatch batch, IReadOnlyList<LogEntry> entries, out int members, out int rooms)
    {
        var count = entries.Count;
        var roomIds = new string[count];
        var seqs = new long[count];
        var kinds = new short[count];
        var senderIds = new string[count];
        var keys = new string[count];
        var times = new long[count];
        var bodies = new byte[count][];
        (members, rooms) = (0, 0);
        for (var i = 0; i < count; i++)
        {
            var entry = entries[i];
            var roomEvent = entry.Event;
            roomIds[i] = entry.RoomId;
            seqs[i] = roomEvent.Seq;
            kinds[i] = (short)roomEvent.BodyCase;
            senderIds[i] = entry.SenderId;
            keys[i] = entry.IdempotencyKey;
            times[i] = roomEvent.CreatedAtMs;
            bodies[i] = roomEvent.ToByteArray();
            switch (roomEvent.BodyCase)
            {
                case RoomEvent.BodyOneofCase.Member: members++; break;
                case RoomEvent.BodyOneofCase.Room: rooms++; break;
            }
        }

        var command = Add(batch, InsertLog);
        Bind(command, NpgsqlDbType.Text, roomIds);
        Bind(command, NpgsqlDbType.Bigint, seqs);
        Bind(command, NpgsqlDbType.Smallint, kinds);
        Bind(command, NpgsqlDbType.Text, senderIds);
        Bind(command, NpgsqlDbType.Text, keys);
        Bind(command, NpgsqlDbType.Bigint, times);
        Bind(command, NpgsqlDbType.Bytea, bodies);
    }

    private static void AddRooms(NpgsqlBatch batch, IReadOnlyList<LogEntry> entries, int count)
    {
        if (count == 0)
        {
            return;
        }

        var roomIds = new string[count];
        var kinds = new string[count];
        var times = new long[count];
        var row = 0;
        for (var i = 0; i < entries.Count; i++)
        {
            if (entries[i].Event.BodyCase == RoomEvent.BodyOneofCase.Room)
            {
                roomIds[row] = entries[i].RoomId;
                kinds[row] = entries[i].Event.Room.Kind;
                times[row++] = entries[i].Event.CreatedAtMs;
            }
        }

        var command = Add(batch, InsertRooms);
        Bind(command, NpgsqlDbType.Text, roomIds);
        Bind(command, NpgsqlDbType.Text, kinds);
        Bind(command, NpgsqlDbType.Bigint, times);
    }

    private static void AddMembers(NpgsqlBatch batch, IReadOnlyList<LogEntry> entries, int count)
    {
        if (count == 0)
        {
            return;
        }

        var roomIds = new string[count];
        var userIds = new string[count];
        var usernames = new string[count];
        var roles = new string[count];
        var counts = new int[count];
        var row = 0;
        for (var i = 0; i < entries.Count; i++)
        {
            if (entries[i].Event.BodyCase == RoomEvent.BodyOneofCase.Member)
            {
                var member = entries[i].Event.Member;
                roomIds[row] = entries[i].RoomId;
                userIds[row] = member.UserId;
                usernames[row] = member.Username;
                roles[row] = member.Role;
                counts[row++] = (int)member.Members;
            }
        }

        var upsert = Add(batch, UpsertMembers);
        Bind(upsert, NpgsqlDbType.Text, roomIds);
        Bind(upsert, NpgsqlDbType.Text, userIds);
        Bind(upsert, NpgsqlDbType.Text, usernames);
        Bind(upsert, NpgsqlDbType.Text, roles);

        var update = Add(batch, UpdateCounts);
        Bind(update, NpgsqlDbType.Text, roomIds);
        Bind(update, NpgsqlDbType.Integer, counts);
    }

    private static NpgsqlBatchCommand Add(NpgsqlBatch batch, string sql)
    {
        var command = new NpgsqlBatchCommand(sql);
        batch.BatchCommands.Add(command);
        return command;
    }

    private static void Bind<T>(NpgsqlBatchCommand command, NpgsqlDbType type, T[] column) =>
        command.Parameters.Add(new NpgsqlParameter<T[]> { NpgsqlDbType = NpgsqlDbType.Array | type, TypedValue = column });
}
