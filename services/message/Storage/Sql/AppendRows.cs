using Google.Protobuf;
using Npgsql;
using NpgsqlTypes;
using Tertulia.Contracts;

namespace Tertulia.Messages.Storage.Sql;

/// <summary>A flush as PostgreSQL takes it: an array for each column of each table.</summary>
internal sealed class AppendRows
{
    private readonly IReadOnlyList<RoomAppend> _appends;
    private readonly int _entries;
    private readonly List<AuditRecord> _records = [];

    public AppendRows(IReadOnlyList<RoomAppend> appends)
    {
        _appends = appends;
        foreach (var append in appends)
        {
            _entries += append.Entries.Count;
            foreach (var entry in append.Entries)
            {
                Changes += entry.Change is null ? 0 : 1;
                Replies += IsReply(entry) ? 1 : 0;
                Erasures += entry.Erased is null ? 0 : 1;
                if (entry.Event.BodyCase != RoomEvent.BodyOneofCase.Message && ModerationRecords.Of(append.RoomId, entry.Event) is { } record)
                {
                    _records.Add(record);
                }

                switch (entry.Event.BodyCase)
                {
                    case RoomEvent.BodyOneofCase.Member:
                        Members++;
                        Removals += entry.Event.Member.Role.Length == 0 ? 1 : 0;
                        break;
                    case RoomEvent.BodyOneofCase.Room: Rooms++; break;
                    case RoomEvent.BodyOneofCase.Trimmed: Trims++; break;
                    case RoomEvent.BodyOneofCase.RoomUpdated or RoomEvent.BodyOneofCase.RoomDeleted: RoomChanges++; break;
                }
            }
        }
    }

    /// <summary>Entries that create a room.</summary>
    public int Rooms { get; }

    /// <summary>Entries that change or delete a room.</summary>
    public int RoomChanges { get; }

    /// <summary>Entries after which messages are kept no longer.</summary>
    public int Trims { get; }

    /// <summary>Entries that change a member.</summary>
    public int Members { get; }

    /// <summary>Those of them that end a membership.</summary>
    public int Removals { get; }

    /// <summary>Entries that change a message.</summary>
    public int Changes { get; }

    /// <summary>Messages that belong to a thread.</summary>
    public int Replies { get; }

    /// <summary>Entries that take the text out of an older one.</summary>
    public int Erasures { get; }

    /// <summary>What the audit log says of them.</summary>
    public int Records => _records.Count;

    /// <summary>An array as a parameter by position.</summary>
    public static NpgsqlParameter Array<T>(NpgsqlDbType type, T[] column) => new NpgsqlParameter<T[]> { NpgsqlDbType = NpgsqlDbType.Array | type, TypedValue = column };

    /// <summary>partition, owner_epoch, rooms: each partition once.</summary>
    public void AddFeed(NpgsqlParameterCollection parameters)
    {
        var byPartition = new SortedDictionary<int, List<RoomAppend>>(); // One order for all writers.
        foreach (var append in _appends)
        {
            if (!byPartition.TryGetValue(append.Partition, out var appends))
            {
                byPartition.Add(append.Partition, appends = []);
            }

            appends.Add(append);
        }

        var (partitions, owners, rooms, row) = (new int[byPartition.Count], new long[byPartition.Count], new byte[byPartition.Count][], 0);
        foreach (var (partition, appends) in byPartition)
        {
            (partitions[row], owners[row], rooms[row++]) = (partition, appends[0].OwnerEpoch, SqlFeed.Write(appends));
        }

        parameters.Add(Array(NpgsqlDbType.Integer, partitions));
        parameters.Add(Array(NpgsqlDbType.Bigint, owners));
        parameters.Add(Array(NpgsqlDbType.Bytea, rooms));
    }

    /// <summary>room_id, first_seq: a row for each room.</summary>
    public void AddRooms(NpgsqlParameterCollection parameters)
    {
        var (roomIds, firstSeqs) = (new string[_appends.Count], new long[_appends.Count]);
        for (var i = 0; i < roomIds.Length; i++)
        {
            (roomIds[i], firstSeqs[i]) = (_appends[i].RoomId, _appends[i].Entries[0].Event.Seq);
        }

        parameters.Add(Array(NpgsqlDbType.Text, roomIds));
        parameters.Add(Array(NpgsqlDbType.Bigint, firstSeqs));
    }

    /// <summary>place, room_id, seq, sender_id, idempotency_key: a row for each entry.</summary>
    public void AddKeys(NpgsqlParameterCollection parameters)
    {
        parameters.Add(Array(NpgsqlDbType.Bigint, Column((_, place, _) => (long)place)));
        parameters.Add(Array(NpgsqlDbType.Text, Column((append, _, _) => append.RoomId)));
        parameters.Add(Array(NpgsqlDbType.Bigint, Column((_, _, entry) => entry.Event.Seq)));
        parameters.Add(Array(NpgsqlDbType.Text, Column((_, _, entry) => entry.SenderId)));
        parameters.Add(Array(NpgsqlDbType.Text, Column((_, _, entry) => entry.IdempotencyKey)));
    }

    /// <summary>before_seq, room_id, seq, kind, sender_id, idempotency_key, created_at_ms, message_id, body, nth: a row for each entry.</summary>
    public void AddLog(NpgsqlParameterCollection parameters)
    {
        var befores = new long[_entries];
        var roomIds = new string[_entries];
        var seqs = new long[_entries];
        var kinds = new short[_entries];
        var senderIds = new string[_entries];
        var keys = new string[_entries];
        var times = new long[_entries];
        var messageIds = new string[_entries];
        var bodies = new byte[_entries][];
        var nths = new long[_entries];
        var row = 0;
        foreach (var append in _appends)
        {
            var before = append.Entries[0].Event.Seq - 1;
            var messages = 0L;
            foreach (var entry in append.Entries)
            {
                var roomEvent = entry.Event;
                var isMessage = roomEvent.BodyCase == RoomEvent.BodyOneofCase.Message;
                messages += isMessage ? 1 : 0;
                befores[row] = before;
                roomIds[row] = append.RoomId;
                seqs[row] = roomEvent.Seq;
                kinds[row] = (short)roomEvent.BodyCase;
                senderIds[row] = entry.SenderId;
                keys[row] = entry.IdempotencyKey;
                times[row] = roomEvent.CreatedAtMs;
                messageIds[row] = isMessage ? roomEvent.Message.MessageId : "";
                bodies[row] = roomEvent.ToByteArray();
                nths[row++] = messages;
            }
        }

        parameters.Add(Array(NpgsqlDbType.Bigint, befores));
        parameters.Add(Array(NpgsqlDbType.Text, roomIds));
        parameters.Add(Array(NpgsqlDbType.Bigint, seqs));
        parameters.Add(Array(NpgsqlDbType.Smallint, kinds));
        parameters.Add(Array(NpgsqlDbType.Text, senderIds));
        parameters.Add(Array(NpgsqlDbType.Text, keys));
        parameters.Add(Array(NpgsqlDbType.Bigint, times));
        parameters.Add(Array(NpgsqlDbType.Text, messageIds));
        parameters.Add(Array(NpgsqlDbType.Bytea, bodies));
        parameters.Add(Array(NpgsqlDbType.Bigint, nths));
    }

    /// <summary>room_id, kind, created_at_ms, created_by, settings, community, retention_days.</summary>
    public void AddNewRooms(NpgsqlParameterCollection parameters)
    {
        var created = Where(entry => entry.Event.BodyCase == RoomEvent.BodyOneofCase.Room, Rooms);
        parameters.Add(Array(NpgsqlDbType.Text, Column(created, row => row.RoomId)));
        parameters.Add(Array(NpgsqlDbType.Text, Column(created, row => row.Entry.Event.Room.Kind)));
        parameters.Add(Array(NpgsqlDbType.Bigint, Column(created, row => row.Entry.Event.CreatedAtMs)));
        parameters.Add(Array(NpgsqlDbType.Text, Column(created, row => row.Entry.Event.UserId)));
        parameters.Add(Array(NpgsqlDbType.Bytea, Column(created, row => row.Entry.Event.Room.Settings?.ToByteArray())));
        parameters.Add(Array(NpgsqlDbType.Text, Column(created, row => row.Entry.Event.Room.Settings?.Community ?? "")));
        parameters.Add(Array(NpgsqlDbType.Integer, Column(created, row => (int)(row.Entry.Event.Room.Settings?.RetentionDays ?? 0))));
    }

    /// <summary>room_id, kind, settings, community, deleted: a deleted room keeps what it was.</summary>
    public void AddRoomChanges(NpgsqlParameterCollection parameters)
    {
        var changed = Where(
            entry => entry.Event.BodyCase is RoomEvent.BodyOneofCase.RoomUpdated or RoomEvent.BodyOneofCase.RoomDeleted, RoomChanges);
        parameters.Add(Array(NpgsqlDbType.Text, Column(changed, row => row.RoomId)));
        parameters.Add(Array(NpgsqlDbType.Bytea, Column(changed, row => row.Entry.Event.RoomUpdated?.Settings.ToByteArray())));
        parameters.Add(Array(NpgsqlDbType.Text, Column(changed, row => row.Entry.Event.RoomUpdated?.Settings.Kind)));
        parameters.Add(Array(NpgsqlDbType.Text, Column(changed, row => row.Entry.Event.RoomUpdated?.Settings.Community)));
        parameters.Add(Array(NpgsqlDbType.Integer, Column(changed, row => (int)(row.Entry.Event.RoomUpdated?.Settings.RetentionDays ?? 0))));
        parameters.Add(Array(NpgsqlDbType.Boolean, Column(changed, row => row.Entry.Event.BodyCase == RoomEvent.BodyOneofCase.RoomDeleted)));
    }

    /// <summary>room_id, first_seq.</summary>
    public void AddTrims(NpgsqlParameterCollection parameters)
    {
        var trims = Where(entry => entry.Event.BodyCase == RoomEvent.BodyOneofCase.Trimmed, Trims);
        parameters.Add(Array(NpgsqlDbType.Text, Column(trims, row => row.RoomId)));
        parameters.Add(Array(NpgsqlDbType.Bigint, Column(trims, row => row.Entry.Event.Trimmed.FirstSeq)));
    }

    /// <summary>room_id, user_id, username, role, banned, banned_until_ms, muted, muted_until_ms, invited_by.</summary>
    public void AddMembers(NpgsqlParameterCollection parameters)
    {
        var changed = Where(entry => entry.Event.BodyCase == RoomEvent.BodyOneofCase.Member, Members);
        parameters.Add(Array(NpgsqlDbType.Text, Column(changed, row => row.RoomId)));
        parameters.Add(Array(NpgsqlDbType.Text, Column(changed, row => row.Entry.Event.Member.UserId)));
        parameters.Add(Array(NpgsqlDbType.Text, Column(changed, row => row.Entry.Event.Member.Username)));
        parameters.Add(Array(NpgsqlDbType.Text, Column(changed, row => row.Entry.Event.Member.Role)));
        parameters.Add(Array(NpgsqlDbType.Boolean, Column(changed, row => row.Entry.Event.Member.Banned)));
        parameters.Add(Array(NpgsqlDbType.Bigint, Column(changed, row => row.Entry.Event.Member.BannedUntilMs)));
        parameters.Add(Array(NpgsqlDbType.Boolean, Column(changed, row => row.Entry.Event.Member.Muted)));
        parameters.Add(Array(NpgsqlDbType.Bigint, Column(changed, row => row.Entry.Event.Member.MutedUntilMs)));
        parameters.Add(Array(NpgsqlDbType.Text, Column(changed, row => row.Entry.Event.Member.InvitedBy)));
    }

    /// <summary>room_id, members.</summary>
    public void AddCounts(NpgsqlParameterCollection parameters)
    {
        var changed = Where(entry => entry.Event.BodyCase == RoomEvent.BodyOneofCase.Member, Members);
        parameters.Add(Array(NpgsqlDbType.Text, Column(changed, row => row.RoomId)));
        parameters.Add(Array(NpgsqlDbType.Integer, Column(changed, row => (int)row.Entry.Event.Member.Members)));
    }

    /// <summary>room_id, user_id, role, seq.</summary>
    public void AddMarks(NpgsqlParameterCollection parameters)
    {
        var changed = Where(entry => entry.Event.BodyCase == RoomEvent.BodyOneofCase.Member, Members);
        parameters.Add(Array(NpgsqlDbType.Text, Column(changed, row => row.RoomId)));
        parameters.Add(Array(NpgsqlDbType.Text, Column(changed, row => row.Entry.Event.Member.UserId)));
        parameters.Add(Array(NpgsqlDbType.Text, Column(changed, row => row.Entry.Event.Member.Role)));
        parameters.Add(Array(NpgsqlDbType.Bigint, Column(changed, row => row.Entry.Event.Seq)));
    }

    /// <summary>room_id, created_seq, updated_seq, state, pinned_seq.</summary>
    public void AddChanges(NpgsqlParameterCollection parameters)
    {
        var changed = Where(entry => entry.Change is not null, Changes);
        parameters.Add(Array(NpgsqlDbType.Text, Column(changed, row => row.RoomId)));
        parameters.Add(Array(NpgsqlDbType.Bigint, Column(changed, row => row.Entry.Change!.CreatedSeq)));
        parameters.Add(Array(NpgsqlDbType.Bigint, Column(changed, row => row.Entry.Event.Seq)));
        parameters.Add(Array(NpgsqlDbType.Bytea, Column(changed, row => row.Entry.Change!.State.ToByteArray())));
        parameters.Add(Array(NpgsqlDbType.Bigint, Column(changed, row => row.Entry.Change!.State.PinnedSeq)));
    }

    /// <summary>room_id, root_seq, seq.</summary>
    public void AddReplies(NpgsqlParameterCollection parameters)
    {
        var replies = Where(entry => IsReply(entry), Replies);
        parameters.Add(Array(NpgsqlDbType.Text, Column(replies, row => row.RoomId)));
        parameters.Add(Array(NpgsqlDbType.Bigint, Column(replies, row => row.Entry.Event.Message.ThreadRootSeq)));
        parameters.Add(Array(NpgsqlDbType.Bigint, Column(replies, row => row.Entry.Event.Seq)));
    }

    /// <summary>room_id, seq, body.</summary>
    public void AddErasures(NpgsqlParameterCollection parameters)
    {
        var erasing = Where(entry => entry.Erased is not null, Erasures);
        parameters.Add(Array(NpgsqlDbType.Text, Column(erasing, row => row.RoomId)));
        parameters.Add(Array(NpgsqlDbType.Bigint, Column(erasing, row => row.Entry.Erased!.Seq)));
        parameters.Add(Array(NpgsqlDbType.Bytea, Column(erasing, row => row.Entry.Erased!.ToByteArray())));
    }

    /// <summary>id, at_ms, actor_id, action, room_id, target_id, detail.</summary>
    public void AddRecords(NpgsqlParameterCollection parameters)
    {
        parameters.Add(Array(NpgsqlDbType.Text, _records.ConvertAll(record => record.Id).ToArray()));
        parameters.Add(Array(NpgsqlDbType.Bigint, _records.ConvertAll(record => record.AtMs).ToArray()));
        parameters.Add(Array(NpgsqlDbType.Text, _records.ConvertAll(record => record.ActorId).ToArray()));
        parameters.Add(Array(NpgsqlDbType.Text, _records.ConvertAll(record => record.Action).ToArray()));
        parameters.Add(Array(NpgsqlDbType.Text, _records.ConvertAll(record => record.RoomId).ToArray()));
        parameters.Add(Array(NpgsqlDbType.Text, _records.ConvertAll(record => record.TargetId).ToArray()));
        parameters.Add(Array(NpgsqlDbType.Text, _records.ConvertAll(record => record.Detail).ToArray()));
    }

    private static bool IsReply(in LogEntry entry) => entry.Event.Message is { ThreadRootSeq: > 0 };

    private static T[] Column<T>((string RoomId, LogEntry Entry)[] rows, Func<(string RoomId, LogEntry Entry), T> value) => System.Array.ConvertAll(rows, row => value(row));

    private T[] Column<T>(Func<RoomAppend, int, LogEntry, T> value)
    {
        var (column, row) = (new T[_entries], 0);
        for (var place = 0; place < _appends.Count; place++)
        {
            foreach (var entry in _appends[place].Entries)
            {
                column[row++] = value(_appends[place], place + 1, entry);
            }
        }

        return column;
    }

    private (string RoomId, LogEntry Entry)[] Where(Predicate<LogEntry> isWanted, int count)
    {
        var (rows, row) = (new (string, LogEntry)[count], 0);
        foreach (var append in _appends)
        {
            foreach (var entry in append.Entries)
            {
                if (isWanted(entry))
                {
                    rows[row++] = (append.RoomId, entry);
                }
            }
        }

        return rows;
    }
}
