using Google.Protobuf;
using Microsoft.Data.Sqlite;
using Tertulia.Contracts;

namespace Tertulia.Messages.Storage.Sql;

/// <summary>Appends a flush in one transaction.</summary>
/// <remarks>On the writer's thread. After an exception the connection is to be closed.</remarks>
internal sealed class SqliteAppend : IDisposable
{
    private readonly SqliteStatement _begin;
    private readonly SqliteStatement _commit;
    private readonly SqliteStatement _rollback;
    private readonly SqliteStatement _beginRoom;
    private readonly SqliteStatement _endRoom;
    private readonly SqliteStatement _undoRoom;
    private readonly SqliteStatement _owner;
    private readonly SqliteStatement _lastFlush;
    private readonly SqliteStatement _flush;
    private readonly SqliteStatement _feed;
    private readonly SqliteStatement _before;
    private readonly SqliteStatement _log;
    private readonly SqliteStatement _id;
    private readonly SqliteStatement _room;
    private readonly SqliteStatement _roomChange;
    private readonly SqliteStatement _trim;
    private readonly SqliteStatement _roomEnd;
    private readonly SqliteStatement _member;
    private readonly SqliteStatement _count;
    private readonly SqliteStatement _mark;
    private readonly SqliteStatement _unmark;
    private readonly SqliteStatement _change;
    private readonly SqliteStatement _reply;
    private readonly SqliteStatement _erase;
    private readonly SqliteStatement _audit;
    private readonly SqliteStatement[] _all;
    private readonly Dictionary<int, List<RoomAppend>> _byPartition = [];
    private readonly Dictionary<int, long> _owners = []; // Of this transaction, by partition.
    private long _lastWritten; // The number of the last flush.
    private bool _isFirst; // After a start, or after another process.
    private byte[] _body = new byte[4096];

    public SqliteAppend(SqliteConnection connection)
    {
        var database = connection.Handle!;
        _all =
        [
            _begin = new(database, "begin immediate"),
            _commit = new(database, "commit"),
            _rollback = new(database, "rollback"),
            _beginRoom = new(database, "savepoint room"),
            _endRoom = new(database, "release room"),
            _undoRoom = new(database, "rollback to room"),
            _owner = new(database, "select owner_epoch from partition_owners where partition = ?"),
            _lastFlush = new(database, "select max(flush) from partition_owners"),
            _flush = new(database, "update partition_owners set flush = ? where partition = ?"),
            _feed = new(database, "insert into feed (flush, partition, owner_epoch, rooms) values (?, ?, ?, ?)"),
            _before = new(database, "select messages from room_log where room_id = ? and seq = ?"),
            _log = new(database, """
                insert into room_log (room_id, seq, kind, sender_id, idempotency_key, created_at_ms, messages, body) values (?, ?, ?, ?, ?, ?, ?, ?)
                """),
            _id = new(database, "insert or ignore into message_ids (message_id, room_id, seq) values (?, ?, ?)"),
            _room = new(database, """
                insert into rooms (room_id, kind, members, created_at_ms, created_by, settings, community, retention_days) values (?, ?, 0, ?, ?, ?, ?, ?)
                """),
            _roomChange = new(database, "update rooms set kind = ?, settings = ?, community = ?, retention_days = ? where room_id = ?"),
            _trim = new(database, "update rooms set first_seq = max(first_seq, ?) where room_id = ?"),
            _roomEnd = new(database, "update rooms set deleted = true where room_id = ?"),
            _member = new(database, """
                insert into members (room_id, user_id, username, role, banned, banned_until_ms, muted, muted_until_ms, invited_by) values (?, ?, ?, ?, ?, ?, ?, ?, ?)
                on conflict (room_id, user_id) do update set
                    username = case when excluded.username = '' then username else excluded.username end, role = excluded.role, banned = excluded.banned,
                    banned_until_ms = excluded.banned_until_ms, muted = excluded.muted, muted_until_ms = excluded.muted_until_ms,
                    invited_by = excluded.invited_by
                """),
            _count = new(database, "update rooms set members = ? where room_id = ?"),
            _mark = new(database, "insert or ignore into read_marks (room_id, user_id, seq, own_after) values (?, ?, ?, ?)"),
            _unmark = new(database, "delete from read_marks where room_id = ? and user_id = ?"),
            _change = new(database, """
                insert into message_changes (room_id, created_seq, updated_seq, state, pinned_seq) values (?, ?, ?, ?, nullif(?, 0))
                on conflict (room_id, created_seq)
                    do update set updated_seq = excluded.updated_seq, state = excluded.state, pinned_seq = excluded.pinned_seq
                """),
            _reply = new(database, "insert into thread_replies (room_id, root_seq, seq) values (?, ?, ?)"),
            _erase = new(database, "update room_log set body = ? where room_id = ? and seq = ?"),
            _audit = new(database, "insert into audit (id, at_ms, actor_id, action, room_id, target_id, detail) values (?, ?, ?, ?, ?, ?, ?)"),
        ];
    }

    /// <inheritdoc cref="IMessageStore.AppendAsync"/>
    public AppendOutcome[] Run(IReadOnlyList<RoomAppend> appends)
    {
        // Undoing one room needs a savepoint, which copies every page that is written after it: only when there is something to undo.
        var outcomes = new AppendOutcome[appends.Count];
        if (!TryRun(appends, outcomes, roomByRoom: false))
        {
            TryRun(appends, outcomes, roomByRoom: true);
        }

        return outcomes;
    }

    /// <summary>Keeps what the last run has appended, for those who follow the feed.</summary>
    public void AddTo(FeedTail tail)
    {
        if (_isFirst && _byPartition.Count > 0)
        {
            tail.Clear();
        }

        foreach (var (partition, appends) in _byPartition)
        {
            tail.Add(_lastWritten, partition, appends);
        }

        _byPartition.Clear();
    }

    public void Dispose()
    {
        foreach (var statement in _all)
        {
            statement.Dispose();
        }
    }

    /// <returns>False when nothing was written, because a room has a conflict and cannot be undone alone.</returns>
    private bool TryRun(IReadOnlyList<RoomAppend> appends, AppendOutcome[] outcomes, bool roomByRoom)
    {
        _begin.Run();
        _byPartition.Clear();
        _owners.Clear();
        for (var i = 0; i < appends.Count; i++)
        {
            outcomes[i] = Fence(appends[i]);
            if (outcomes[i] == AppendOutcome.Appended)
            {
                outcomes[i] = roomByRoom ? WriteAlone(appends[i]) : Write(appends[i]);
            }

            if (outcomes[i] == AppendOutcome.Conflict && !roomByRoom)
            {
                _rollback.Run();
                return false;
            }

            if (outcomes[i] == AppendOutcome.Appended)
            {
                Note(appends[i]);
            }
        }

        WriteFeed();
        _commit.Run();
        return true;
    }

    private AppendOutcome Fence(RoomAppend append)
    {
        if (!_owners.TryGetValue(append.Partition, out var owner))
        {
            _owner.Bind(1, append.Partition);
            _owners[append.Partition] = owner = _owner.Scalar() ?? 0;
        }

        return owner == append.OwnerEpoch ? AppendOutcome.Appended
            : owner > append.OwnerEpoch ? AppendOutcome.NotOwner
            : AppendOutcome.WentBack;
    }

    private AppendOutcome WriteAlone(RoomAppend append)
    {
        _beginRoom.Run();
        var outcome = Write(append);
        if (outcome == AppendOutcome.Conflict)
        {
            _undoRoom.Run();
        }

        _endRoom.Run();
        return outcome;
    }

    private AppendOutcome Write(RoomAppend append)
    {
        var firstSeq = append.Entries[0].Event.Seq;
        var messages = 0L;
        if (firstSeq > 1)
        {
            _before.Bind(1, append.RoomId);
            _before.Bind(2, firstSeq - 1);
            if (_before.Scalar() is not { } before)
            {
                return AppendOutcome.WentBack;
            }

            messages = before;
        }

        try
        {
            foreach (var entry in append.Entries)
            {
                messages += entry.Event.BodyCase == RoomEvent.BodyOneofCase.Message ? 1 : 0;
                WriteLog(append.RoomId, entry, messages);
                Apply(append.RoomId, entry);
            }

            return AppendOutcome.Appended;
        }
        catch (SqliteFailureException failure) when (failure.IsDuplicate)
        {
            return AppendOutcome.Conflict;
        }
    }

    private void Note(RoomAppend append)
    {
        if (!_byPartition.TryGetValue(append.Partition, out var appends))
        {
            _byPartition.Add(append.Partition, appends = []);
        }

        appends.Add(append);
    }

    // A flush's number is larger than any owner epoch it is written under: after a restored backup numbers go on above those that were lost, as epochs do.
    private void WriteFeed()
    {
        if (_byPartition.Count == 0)
        {
            return;
        }

        var flush = _lastFlush.Scalar()!.Value;
        _isFirst = flush != _lastWritten;
        foreach (var appends in _byPartition.Values)
        {
            flush = Math.Max(flush, appends[0].OwnerEpoch);
        }

        _lastWritten = ++flush;
        foreach (var (partition, appends) in _byPartition)
        {
            _flush.Bind(1, flush);
            _flush.Bind(2, partition);
            _flush.Run();
            _feed.Bind(1, flush);
            _feed.Bind(2, partition);
            _feed.Bind(3, appends[0].OwnerEpoch);
            _feed.Bind(4, SqlFeed.Write(appends));
            _feed.Run();
        }
    }

    private void WriteLog(string roomId, in LogEntry entry, long messages)
    {
        _log.Bind(1, roomId);
        _log.Bind(2, entry.Event.Seq);
        _log.Bind(3, (long)entry.Event.BodyCase);
        _log.Bind(4, entry.SenderId);
        _log.Bind(5, entry.IdempotencyKey);
        _log.Bind(6, entry.Event.CreatedAtMs);
        _log.Bind(7, messages);
        _log.Bind(8, Bytes(entry.Event));
        _log.Run();
    }

    private void Apply(string roomId, in LogEntry entry)
    {
        switch (entry.Event.BodyCase)
        {
            case RoomEvent.BodyOneofCase.Message:
                _id.Bind(1, entry.Event.Message.MessageId);
                _id.Bind(2, roomId);
                _id.Bind(3, entry.Event.Seq);
                _id.Run();
                if (entry.Event.Message.ThreadRootSeq > 0)
                {
                    _reply.Bind(1, roomId);
                    _reply.Bind(2, entry.Event.Message.ThreadRootSeq);
                    _reply.Bind(3, entry.Event.Seq);
                    _reply.Run();
                }

                break;
            case RoomEvent.BodyOneofCase.Member:
                var member = entry.Event.Member;
                _member.Bind(1, roomId);
                _member.Bind(2, member.UserId);
                _member.Bind(3, member.Username);
                _member.Bind(4, member.Role);
                _member.Bind(5, member.Banned ? 1 : 0);
                _member.Bind(6, member.BannedUntilMs);
                _member.Bind(7, member.Muted ? 1 : 0);
                _member.Bind(8, member.MutedUntilMs);
                _member.Bind(9, member.InvitedBy);
                _member.Run();
                _count.Bind(1, member.Members);
                _count.Bind(2, roomId);
                _count.Run();
                ApplyMark(roomId, member, entry.Event.Seq);
                break;
            case RoomEvent.BodyOneofCase.Room:
                _room.Bind(1, roomId);
                _room.Bind(2, entry.Event.Room.Kind);
                _room.Bind(3, entry.Event.CreatedAtMs);
                _room.Bind(4, entry.Event.UserId);
                _room.Bind(5, Bytes(entry.Event.Room.Settings ?? new RoomSettings { Kind = entry.Event.Room.Kind }));
                _room.Bind(6, entry.Event.Room.Settings?.Community ?? "");
                _room.Bind(7, entry.Event.Room.Settings?.RetentionDays ?? 0);
                _room.Run();
                break;
            case RoomEvent.BodyOneofCase.RoomUpdated:
                var settings = entry.Event.RoomUpdated.Settings;
                _roomChange.Bind(1, settings.Kind);
                _roomChange.Bind(2, Bytes(settings));
                _roomChange.Bind(3, settings.Community);
                _roomChange.Bind(4, settings.RetentionDays);
                _roomChange.Bind(5, roomId);
                _roomChange.Run();
                break;
            case RoomEvent.BodyOneofCase.Trimmed:
                _trim.Bind(1, entry.Event.Trimmed.FirstSeq);
                _trim.Bind(2, roomId);
                _trim.Run();
                break;
            case RoomEvent.BodyOneofCase.RoomDeleted:
                _roomEnd.Bind(1, roomId);
                _roomEnd.Run();
                break;
        }

        if (entry.Change is { } change)
        {
            _change.Bind(1, roomId);
            _change.Bind(2, change.CreatedSeq);
            _change.Bind(3, entry.Event.Seq);
            _change.Bind(4, Bytes(change.State));
            _change.Bind(5, change.State.PinnedSeq);
            _change.Run();
        }

        if (entry.Erased is { } erased)
        {
            _erase.Bind(1, Bytes(erased));
            _erase.Bind(2, roomId);
            _erase.Bind(3, erased.Seq);
            _erase.Run();
        }

        if (entry.Event.BodyCase != RoomEvent.BodyOneofCase.Message && ModerationRecords.Of(roomId, entry.Event) is { } record)
        {
            WriteAudit(record);
        }
    }

    private void WriteAudit(AuditRecord record)
    {
        _audit.Bind(1, record.Id);
        _audit.Bind(2, record.AtMs);
        _audit.Bind(3, record.ActorId);
        _audit.Bind(4, record.Action);
        _audit.Bind(5, record.RoomId);
        _audit.Bind(6, record.TargetId);
        _audit.Bind(7, record.Detail);
        _audit.Run();
    }

    // What was said before somebody became a member is not unread.
    private void ApplyMark(string roomId, MemberChanged member, long seq)
    {
        var statement = member.Role.Length > 0 ? _mark : _unmark;
        statement.Bind(1, roomId);
        statement.Bind(2, member.UserId);
        if (member.Role.Length > 0)
        {
            statement.Bind(3, seq);
            statement.Bind(4, seq);
        }

        statement.Run();
    }

    private ReadOnlySpan<byte> Bytes(IMessage message)
    {
        var length = message.CalculateSize();
        if (length > _body.Length)
        {
            _body = new byte[length * 2];
        }

        var bytes = _body.AsSpan(0, length);
        message.WriteTo(bytes);
        return bytes;
    }
}
