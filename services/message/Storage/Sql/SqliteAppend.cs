using Google.Protobuf;
using Microsoft.Data.Sqlite;
using Tertulia.Contracts;

namespace Tertulia.Messages.Storage.Sql;

/// <summary>Appends: one transaction for a flush and for what it moves from the tail to the log.</summary>
/// <remarks>On the writer's thread. After an exception the connection is to be closed.</remarks>
internal sealed class SqliteAppend : IDisposable
{
    private readonly SqliteConnection _connection;
    private readonly LogTail _tail;
    private readonly SqliteStatement _begin;
    private readonly SqliteStatement _commit;
    private readonly SqliteStatement _rollback;
    private readonly SqliteStatement _lastRow;
    private readonly SqliteStatement _addRow;
    private readonly SqliteStatement _dropRows;
    private readonly SqliteStatement _isTaken;
    private readonly SqliteStatement _log;
    private readonly SqliteStatement _move;
    private readonly SqliteStatement _room;
    private readonly SqliteStatement _member;
    private readonly SqliteStatement _count;
    private readonly List<LogEntry> _messages = [];
    private readonly Dictionary<string, long> _seqs = new(StringComparer.Ordinal);
    private readonly HashSet<EntryKey> _keys = [];
    private byte[] _body = new byte[4096];

    public SqliteAppend(SqliteConnection connection, LogTail tail)
    {
        (_connection, _tail) = (connection, tail);
        var database = connection.Handle!;
        _begin = new(database, "begin immediate");
        _commit = new(database, "commit");
        _rollback = new(database, "rollback");
        _lastRow = new(database, "select coalesce(max(id), 0) from log_tail");
        _addRow = new(database, "insert into log_tail (id, entries) values (?, ?)");
        _dropRows = new(database, "delete from log_tail where id <= ?");
        _isTaken = new(database, """
            select 1 from room_log where room_id = ?1 and sender_id = ?2 and idempotency_key = ?3
            union all select 1 from room_log where room_id = ?1 and seq >= ?4
            """);
        const string Insert = "insert into room_log (room_id, seq, kind, sender_id, idempotency_key, created_at_ms, body) values (?, ?, ?, ?, ?, ?, ?)";
        _log = new(database, Insert);
        _move = new(database, Insert + " on conflict do nothing"); // Another process may have moved it.
        _room = new(database, "insert into rooms (room_id, kind, members, created_at_ms) values (?, ?, 0, ?)");
        _member = new(database, """
            insert into members (room_id, user_id, username, role) values (?, ?, ?, ?)
            on conflict (room_id, user_id) do update set username = excluded.username, role = excluded.role
            """);
        _count = new(database, "update rooms set members = ? where room_id = ?");
    }

    /// <inheritdoc cref="IMessageStore.AppendAsync"/>
    public AppendOutcome Run(IReadOnlyList<LogEntry> entries)
    {
        _begin.Run();
        var last = _lastRow.Scalar()!.Value;
        if (last > _tail.LastId)
        {
            SqliteTail.CatchUp(_connection, _tail); // Of another process, or of an append whose answer was lost.
        }

        if (!TryWrite(entries))
        {
            _rollback.Run();
            return AppendOutcome.Conflict;
        }

        if (_messages.Count == 0)
        {
            _commit.Run();
            return AppendOutcome.Appended;
        }

        var row = TailRow.Write(last + 1, _messages);
        _addRow.Bind(1, row.Id);
        _addRow.Bind(2, row.Bytes);
        _addRow.Run();
        var move = _tail.NextMove();
        Move(move);
        _commit.Run();
        _tail.Moved(move);
        _tail.Add(row);
        return AppendOutcome.Appended;
    }

    public void Dispose()
    {
        foreach (var statement in (ReadOnlySpan<SqliteStatement>)[
            _begin, _commit, _rollback, _lastRow, _addRow, _dropRows, _isTaken, _log, _move, _room, _member, _count])
        {
            statement.Dispose();
        }
    }

    /// <summary>Writes what is more than a message; the messages are gathered.</summary>
    /// <returns>False when an entry's seq or key is taken.</returns>
    private bool TryWrite(IReadOnlyList<LogEntry> entries)
    {
        _messages.Clear();
        _seqs.Clear();
        _keys.Clear();
        for (var i = 0; i < entries.Count; i++)
        {
            var entry = entries[i];
            if (IsTaken(entry))
            {
                return false;
            }

            if (entry.Event.BodyCase == RoomEvent.BodyOneofCase.Message)
            {
                _messages.Add(entry);
            }
            else if (!TryWrite(entry))
            {
                return false;
            }
        }

        return true;
    }

    private bool TryWrite(in LogEntry entry)
    {
        try
        {
            WriteLog(entry);
            Project(entry);
            return true;
        }
        catch (SqliteFailure failure) when (failure.IsDuplicate)
        {
            return false;
        }
    }

    private bool IsTaken(in LogEntry entry)
    {
        var seq = entry.Event.Seq;
        if (!_keys.Add(entry.Key) || (_seqs.TryGetValue(entry.RoomId, out var last) && last >= seq) || _tail.IsTaken(entry))
        {
            return true;
        }

        _seqs[entry.RoomId] = seq;
        _isTaken.Bind(1, entry.RoomId);
        _isTaken.Bind(2, entry.SenderId);
        _isTaken.Bind(3, entry.IdempotencyKey);
        _isTaken.Bind(4, seq);
        return _isTaken.Scalar() is not null;
    }

    private void Move(in TailMove move)
    {
        foreach (var entry in move.Entries.Span)
        {
            Bind(_move, entry.Key, entry.Seq, RoomEvent.BodyOneofCase.Message, entry.CreatedAtMs, entry.Body.Span);
            _move.Run();
        }

        if (move.IsLast)
        {
            _dropRows.Bind(1, move.LastId); // Never the last row, which this append wrote: the ids go on from it.
            _dropRows.Run();
        }
    }

    private void WriteLog(in LogEntry entry)
    {
        var length = entry.Event.CalculateSize();
        if (length > _body.Length)
        {
            _body = new byte[length * 2];
        }

        var body = _body.AsSpan(0, length);
        entry.Event.WriteTo(body);
        Bind(_log, entry.Key, entry.Event.Seq, entry.Event.BodyCase, entry.Event.CreatedAtMs, body);
        _log.Run();
    }

    private static void Bind(
        SqliteStatement log, in EntryKey key, long seq, RoomEvent.BodyOneofCase kind, long createdAtMs, ReadOnlySpan<byte> body)
    {
        log.Bind(1, key.RoomId);
        log.Bind(2, seq);
        log.Bind(3, (long)kind);
        log.Bind(4, key.SenderId);
        log.Bind(5, key.IdempotencyKey);
        log.Bind(6, createdAtMs);
        log.Bind(7, body);
    }

    private void Project(in LogEntry entry)
    {
        switch (entry.Event.BodyCase)
        {
            case RoomEvent.BodyOneofCase.Member:
                var member = entry.Event.Member;
                _member.Bind(1, entry.RoomId);
                _member.Bind(2, member.UserId);
                _member.Bind(3, member.Username);
                _member.Bind(4, member.Role);
                _member.Run();
                _count.Bind(1, member.Members);
                _count.Bind(2, entry.RoomId);
                _count.Run();
                break;
            case RoomEvent.BodyOneofCase.Room:
                _room.Bind(1, entry.RoomId);
                _room.Bind(2, entry.Event.Room.Kind);
                _room.Bind(3, entry.Event.CreatedAtMs);
                _room.Run();
                break;
        }
    }
}
