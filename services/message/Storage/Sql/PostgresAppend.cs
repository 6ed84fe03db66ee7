using Npgsql;
using NpgsqlTypes;

namespace Tertulia.Messages.Storage.Sql;

/// <summary>Appends a flush in one round trip: one batch, which the server runs as one transaction, with one statement per table whose rows come as
/// arrays. The statements are the same for any number of rows, so they stay prepared.</summary>
/// <remarks>
/// The batch takes for granted that no room has a conflict. When one has, the whole batch fails: on a unique key, or because a column would be null that must
/// not be (the fence of an owner that is not the partition's, the entry before the first one). Only then it is asked which rooms can be
/// appended, and those are, in a transaction that holds the partitions, so that the answer stays true.
/// </remarks>
/// <param name="source">The pool, which is another one after the server did not answer.</param>
/// <param name="tail">Gets what was appended.</param>
internal sealed class PostgresAppend(Func<NpgsqlDataSource> source, FeedTail tail)
{
    // The row of the partition is locked until the transaction ends: a new owner waits for it, and flushes of one partition become visible in their order.
    private const string WriteFeed = """
        with fence as (
            update partition_owners o set flush = o.flush + 1
            from unnest($1, $2) as f(partition, owner_epoch)
            where o.partition = f.partition and o.owner_epoch = f.owner_epoch
            returning o.partition, o.owner_epoch, o.flush)
        insert into feed (partition, owner_epoch, flush, rooms)
        select f.partition, o.owner_epoch, o.flush, f.rooms
        from unnest($1, $3) as f(partition, rooms)
        left join fence o on o.partition = f.partition
        returning partition, flush
        """;

    // An entry counts on from the entry before its room's first one; null, and refused, when there is no such entry.
    private const string InsertLog = """
        insert into room_log (room_id, seq, kind, sender_id, idempotency_key, created_at_ms, message_id, body, messages)
        select e.room_id, e.seq, e.kind, e.sender_id, e.idempotency_key, e.created_at_ms, nullif(e.message_id, ''), e.body,
            e.nth + case when e.before_seq = 0 then 0 else
                (select l.messages from room_log l where l.room_id = e.room_id and l.seq = e.before_seq) end
        from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
            as e(before_seq, room_id, seq, kind, sender_id, idempotency_key, created_at_ms, message_id, body, nth)
        """;

    private const string InsertRooms = """
        insert into rooms (room_id, kind, members, created_at_ms, created_by, settings, community, retention_days)
        select room_id, kind, 0, created_at_ms, created_by, settings, community, retention_days
        from unnest($1, $2, $3, $4, $5, $6, $7) as r(room_id, kind, created_at_ms, created_by, settings, community, retention_days)
        """;

    // A room that is changed several times in one flush: all of its settings are in the last entry that has some.
    private const string UpdateRooms = """
        with changes as (
            select * from unnest($1, $2, $3, $4, $5, $6) with ordinality as c(room_id, settings, kind, community, retention_days, deleted, place)),
        last as (
            select distinct on (room_id) room_id, settings, kind, community, retention_days from changes where not deleted order by room_id, place desc)
        update rooms r set settings = coalesce(l.settings, r.settings), kind = coalesce(l.kind, r.kind), community = coalesce(l.community, r.community),
            retention_days = coalesce(l.retention_days, r.retention_days), deleted = r.deleted or k.deleted
        from (select room_id, bool_or(deleted) as deleted from changes group by room_id) k
        left join last l on l.room_id = k.room_id
        where r.room_id = k.room_id
        """;

    private const string TrimRooms = """
        update rooms r set first_seq = greatest(r.first_seq, t.first_seq)
        from (select room_id, max(first_seq) as first_seq from unnest($1, $2) as u(room_id, first_seq) group by room_id) t
        where r.room_id = t.room_id
        """;

    // A user's last change in the flush counts: a statement may not touch a row twice.
    private const string UpsertMembers = """
        insert into members (room_id, user_id, username, role, banned, banned_until_ms, muted, muted_until_ms, invited_by)
        select distinct on (room_id, user_id) room_id, user_id, username, role, banned, banned_until_ms, muted, muted_until_ms, invited_by
        from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9) with ordinality
            as m(room_id, user_id, username, role, banned, banned_until_ms, muted, muted_until_ms, invited_by, place)
        order by room_id, user_id, place desc
        on conflict (room_id, user_id) do update set
            username = case when excluded.username = '' then members.username else excluded.username end, role = excluded.role, banned = excluded.banned,
            banned_until_ms = excluded.banned_until_ms, muted = excluded.muted, muted_until_ms = excluded.muted_until_ms, invited_by = excluded.invited_by
        """;

    // What was said before somebody became a member is not unread.
    private const string InsertMarks = """
        insert into read_marks (room_id, user_id, seq, own_after)
        select room_id, user_id, seq, seq from (
            select distinct on (room_id, user_id) room_id, user_id, role, seq
            from unnest($1, $2, $3, $4) as m(room_id, user_id, role, seq)
            order by room_id, user_id, seq desc) m
        where role <> ''
        on conflict (room_id, user_id) do nothing
        """;

    private const string DeleteMarks = """
        delete from read_marks r
        using (select distinct on (room_id, user_id) room_id, user_id, role
               from unnest($1, $2, $3, $4) as m(room_id, user_id, role, seq)
               order by room_id, user_id, seq desc) m
        where m.role = '' and r.room_id = m.room_id and r.user_id = m.user_id
        """;

    private const string UpdateCounts = """
        update rooms set members = c.members
        from (select distinct on (room_id) room_id, members
              from unnest($1, $2) with ordinality as u(room_id, members, place) order by room_id, place desc) c
        where rooms.room_id = c.room_id
        """;

    private const string UpsertChanges = """
        insert into message_changes (room_id, created_seq, updated_seq, state, pinned_seq)
        select distinct on (room_id, created_seq) room_id, created_seq, updated_seq, state, nullif(pinned_seq, 0)
        from unnest($1, $2, $3, $4, $5) as c(room_id, created_seq, updated_seq, state, pinned_seq)
        order by room_id, created_seq, updated_seq desc
        on conflict (room_id, created_seq)
            do update set updated_seq = excluded.updated_seq, state = excluded.state, pinned_seq = excluded.pinned_seq
        """;

    private const string InsertReplies = """
        insert into thread_replies (room_id, root_seq, seq) select room_id, root_seq, seq from unnest($1, $2, $3) as r(room_id, root_seq, seq)
        """;

    private const string EraseTexts = """
        update room_log l set body = e.body from unnest($1, $2, $3) as e(room_id, seq, body) where l.room_id = e.room_id and l.seq = e.seq
        """;

    private const string InsertAudit = """
        insert into audit (id, at_ms, actor_id, action, room_id, target_id, detail) select * from unnest($1, $2, $3, $4, $5, $6, $7)
        """;

    private const string LockOwners = "select partition, owner_epoch from partition_owners where partition = any($1) order by partition for update";

    private const string FindWithoutBefore = """
        select f.place from unnest($1, $2) with ordinality as f(room_id, first_seq, place)
        where f.first_seq > 1 and not exists (select 1 from room_log l where l.room_id = f.room_id and l.seq = f.first_seq - 1)
        """;

    private const string FindTaken = """
        select distinct e.place from unnest($1, $2, $3, $4, $5) as e(place, room_id, seq, sender_id, idempotency_key)
        where exists (select 1 from room_log l where l.room_id = e.room_id and l.seq = e.seq)
            or exists (select 1 from room_log l where l.room_id = e.room_id and l.sender_id = e.sender_id and l.idempotency_key = e.idempotency_key)
        """;

    /// <inheritdoc cref="IMessageStore.AppendAsync"/>
    public async Task<AppendOutcome[]> AppendAsync(IReadOnlyList<RoomAppend> appends)
    {
        await using var connection = await source().OpenConnectionAsync(CancellationToken.None);
        try
        {
            Keep(appends, await WriteAsync(connection, appends));
            return new AppendOutcome[appends.Count]; // All of them the default: Appended.
        }
        // Two writers that append several rooms in different orders may also find each other in a deadlock.
        catch (PostgresException exception) when (exception.SqlState is PostgresErrorCodes.UniqueViolation or PostgresErrorCodes.NotNullViolation
            or PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure)
        {
            return await AppendWhatCanBeAsync(connection, appends);
        }
    }

    private void Keep(IReadOnlyList<RoomAppend> appends, Dictionary<int, long> flushes)
    {
        foreach (var partition in appends.GroupBy(append => append.Partition))
        {
            tail.Add(flushes[partition.Key], partition.Key, [.. partition]);
        }
    }

    private async Task<AppendOutcome[]> AppendWhatCanBeAsync(NpgsqlConnection connection, IReadOnlyList<RoomAppend> appends)
    {
        await using var transaction = await connection.BeginTransactionAsync(CancellationToken.None);
        var outcomes = await FenceAsync(connection, appends);
        var rows = new AppendRows(appends);
        await MarkAsync(connection, FindWithoutBefore, rows.AddRooms, outcomes, AppendOutcome.WentBack);
        await MarkAsync(connection, FindTaken, rows.AddKeys, outcomes, AppendOutcome.Conflict);
        var free = new List<RoomAppend>();
        for (var i = 0; i < appends.Count; i++)
        {
            if (outcomes[i] == AppendOutcome.Appended && HasKeyTwice(appends[i]))
            {
                outcomes[i] = AppendOutcome.Conflict;
            }

            if (outcomes[i] == AppendOutcome.Appended)
            {
                free.Add(appends[i]);
            }
        }

        var flushes = free.Count > 0 ? await WriteAsync(connection, free) : [];
        await transaction.CommitAsync(CancellationToken.None);
        Keep(free, flushes);
        return outcomes;
    }

    private static async Task<AppendOutcome[]> FenceAsync(NpgsqlConnection connection, IReadOnlyList<RoomAppend> appends)
    {
        await using var command = new NpgsqlCommand(LockOwners, connection);
        command.Parameters.Add(AppendRows.Array(NpgsqlDbType.Integer, appends.Select(append => append.Partition).Distinct().ToArray()));
        var owners = new Dictionary<int, long>();
        await using (var reader = await command.ExecuteReaderAsync(CancellationToken.None))
        {
            while (await reader.ReadAsync(CancellationToken.None))
            {
                owners[reader.GetInt32(0)] = reader.GetInt64(1);
            }
        }

        var outcomes = new AppendOutcome[appends.Count];
        for (var i = 0; i < outcomes.Length; i++)
        {
            var owner = owners.GetValueOrDefault(appends[i].Partition);
            outcomes[i] = owner == appends[i].OwnerEpoch ? AppendOutcome.Appended
                : owner > appends[i].OwnerEpoch ? AppendOutcome.NotOwner
                : AppendOutcome.WentBack;
        }

        return outcomes;
    }

    /// <param name="connection">In the transaction.</param>
    /// <param name="sql">Gives places of rooms, from 1.</param>
    /// <param name="bind">Adds its parameters.</param>
    /// <param name="outcomes">Of the rooms; those that are refused already stay as they are.</param>
    /// <param name="outcome">What the rooms get that are found.</param>
    private static async Task MarkAsync(
        NpgsqlConnection connection, string sql, Action<NpgsqlParameterCollection> bind, AppendOutcome[] outcomes, AppendOutcome outcome)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        bind(command.Parameters);
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        while (await reader.ReadAsync(CancellationToken.None))
        {
            var place = reader.GetInt64(0) - 1;
            outcomes[place] = outcomes[place] == AppendOutcome.Appended ? outcome : outcomes[place];
        }
    }

    private static bool HasKeyTwice(RoomAppend append)
    {
        var keys = new HashSet<EntryKey>();
        foreach (var entry in append.Entries)
        {
            if (!keys.Add(append.KeyOf(entry)))
            {
                return true;
            }
        }

        return false;
    }

    /// <returns>The number of the flush in each partition.</returns>
    private static async Task<Dictionary<int, long>> WriteAsync(NpgsqlConnection connection, IReadOnlyList<RoomAppend> appends)
    {
        var rows = new AppendRows(appends);
        await using var batch = new NpgsqlBatch(connection);
        rows.AddFeed(Add(batch, WriteFeed)); // The fence comes first: nothing else is locked by a writer that is not the owner.
        rows.AddLog(Add(batch, InsertLog));
        if (rows.Rooms > 0)
        {
            rows.AddNewRooms(Add(batch, InsertRooms));
        }

        if (rows.RoomChanges > 0)
        {
            rows.AddRoomChanges(Add(batch, UpdateRooms));
        }

        if (rows.Trims > 0)
        {
            rows.AddTrims(Add(batch, TrimRooms));
        }

        if (rows.Members > 0)
        {
            rows.AddMembers(Add(batch, UpsertMembers));
            rows.AddCounts(Add(batch, UpdateCounts));
            rows.AddMarks(Add(batch, InsertMarks));
            if (rows.Removals > 0)
            {
                rows.AddMarks(Add(batch, DeleteMarks));
            }
        }

        if (rows.Replies > 0)
        {
            rows.AddReplies(Add(batch, InsertReplies));
        }

        if (rows.Changes > 0)
        {
            rows.AddChanges(Add(batch, UpsertChanges));
        }

        if (rows.Erasures > 0)
        {
            rows.AddErasures(Add(batch, EraseTexts));
        }

        if (rows.Records > 0)
        {
            rows.AddRecords(Add(batch, InsertAudit));
        }

        var flushes = new Dictionary<int, long>();
        await using var reader = await batch.ExecuteReaderAsync(CancellationToken.None);
        while (await reader.ReadAsync(CancellationToken.None))
        {
            flushes[reader.GetInt32(0)] = reader.GetInt64(1);
        }

        while (await reader.NextResultAsync(CancellationToken.None))
        {
            // Statements that give no rows: an error of theirs comes here.
        }

        return flushes;
    }

    private static NpgsqlParameterCollection Add(NpgsqlBatch batch, string sql)
    {
        var command = new NpgsqlBatchCommand(sql);
        batch.BatchCommands.Add(command);
        return command.Parameters;
    }
}
