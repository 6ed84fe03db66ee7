using Tertulia.Contracts;
using Tertulia.Messages.Storage;
using Tertulia.Messages.Storage.Sql;

namespace Tertulia.Messages.Tests.Storage;

/// <summary>What the tail holds, what it gives to the log, and when. Each append here commits.</summary>
public sealed class LogTailTests
{
    private const int Full = 256; // Two entries are a step.

    private readonly LogTail _tail = new(Full);
    private readonly Dictionary<string, long> _seqs = [];
    private readonly List<TailEntry> _moved = [];
    private long _rows;

    [Fact]
    public void Every_entry_is_moved_once_and_a_rooms_entries_in_their_order()
    {
        for (var i = 0; i < 3 * Full; i++)
        {
            Append($"room-{i % 7}");
        }

        Assert.InRange(_moved.Count, 2 * Full, 2 * Full + 16);
        Assert.Equal(_moved.Count, _moved.Select(entry => entry.Key).Distinct().Count());
        Assert.All(
            _moved.GroupBy(entry => entry.Key.RoomId),
            room => Assert.Equal(Enumerable.Range(1, room.Count()).Select(seq => (long)seq), room.Select(entry => entry.Seq)));
    }

    [Fact]
    public void The_older_generation_is_gone_before_the_younger_is_half_full()
    {
        for (var i = 0; i < Full + (Full / 2) + 1; i++)
        {
            Append($"room-{i % 7}");
        }

        Assert.Equal(Full, _moved.Count);
        Assert.Null(_tail.Find(new EntryKey("room-0", "ana", "1")));
        Assert.NotNull(_tail.Find(new EntryKey("room-0", "ana", (_seqs["room-0"]).ToString())));
    }

    [Fact]
    public void Little_is_left_for_a_later_append()
    {
        for (var i = 0; i < Full; i++)
        {
            Append("lobby");
        }

        Assert.Equal(0, Append("lobby"));
        Assert.Equal(2, Append("lobby"));
        Assert.Equal(2, Append("lobby"));
    }

    [Fact]
    public void One_large_append_moves_all_that_is_due_and_no_more_than_there_is()
    {
        Append("lobby", Full);
        Append("lobby", 10 * Full);

        Assert.Equal(Full, Append("lobby"));
        Assert.Equal(0, Append("lobby")); // The large one became a generation of its own, which moves as the next one fills.
        Assert.Equal((10 * Full) + 1, Append("lobby", Full) + Append("lobby"));
    }

    [Theory]
    [InlineData(0, long.MaxValue, 300, false, 1, 300)]
    [InlineData(0, long.MaxValue, 10, false, 1, 10)]
    [InlineData(0, long.MaxValue, 10, true, 291, 300)]
    [InlineData(0, long.MaxValue, 60, true, 241, 300)]
    [InlineData(250, 260, 100, false, 251, 259)]
    [InlineData(250, 260, 4, true, 256, 259)]
    [InlineData(0, 258, 4, true, 254, 257)]
    public void A_part_of_a_room_is_read_from_both_generations(long after, long before, int limit, bool newest, long first, long last)
    {
        Append("lobby", Full);
        Append("lobby", 300 - Full, move: false);
        Append("other", 5, move: false);

        var read = _tail.Read("lobby", after, before, limit, newest);

        Assert.Equal(Enumerable.Range((int)first, (int)(last - first + 1)).Select(seq => (long)seq), read.Select(entry => entry.Seq));
    }

    [Theory]
    [InlineData(300, 100)]
    [InlineData(0, 1)]
    [InlineData(77, 77)]
    public void Nothing_is_read_where_nothing_is(long after, long before)
    {
        Append("lobby", 100);

        Assert.Empty(_tail.Read("lobby", after, before, 10, newest: false));
        Assert.Empty(_tail.Read("nowhere", 0, long.MaxValue, 10, newest: true));
    }

    [Fact]
    public void A_seq_and_a_key_are_taken_until_they_are_moved()
    {
        Append("lobby", 3);

        Assert.True(_tail.IsTaken(Entry("lobby", 3, "other")));
        Assert.True(_tail.IsTaken(Entry("lobby", 4, "2")));
        Assert.False(_tail.IsTaken(Entry("lobby", 4, "4")));
        Assert.False(_tail.IsTaken(Entry("other", 1, "2")));
    }

    [Fact]
    public void A_row_that_is_read_again_is_left_out()
    {
        var row = TailRow.Write(1, [Entry("lobby", 1, "1")]);

        _tail.Add(row);
        _tail.Add(TailRow.Read(1, row.Bytes));

        Assert.Single(_tail.Read("lobby", 0, long.MaxValue, 10, newest: false));
    }

    [Fact]
    public void A_row_is_read_as_it_was_written()
    {
        LogEntry[] entries = [Entry("lobby", 7, "ñ 🎉"), Entry("", long.MaxValue, "")];

        var written = TailRow.Write(5, entries);
        var read = TailRow.Read(5, written.Bytes);

        Assert.Equal(entries.Select(entry => entry.Event), written.Entries.Select(entry => entry.Event));
        Assert.Equal(entries.Select(entry => entry.Event), read.Entries.Select(entry => entry.Event));
        Assert.Equal(entries.Select(entry => entry.Key), read.Entries.Select(entry => entry.Key));
        Assert.Equal(entries.Select(entry => entry.Event.CreatedAtMs), read.Entries.Select(entry => entry.CreatedAtMs));
    }

    [Fact]
    public void What_another_process_moved_is_forgotten()
    {
        Append("lobby", Full);
        var last = _tail.LastId;
        Append("lobby", 1, move: false);

        _tail.ForgetUpTo(last - 1);
        Assert.NotNull(_tail.Find(new EntryKey("lobby", "ana", "1")));
        _tail.ForgetUpTo(last);

        Assert.Null(_tail.Find(new EntryKey("lobby", "ana", "1")));
        Assert.NotNull(_tail.Find(new EntryKey("lobby", "ana", $"{Full + 1}")));
    }

    [Fact]
    public void A_reader_that_sees_the_last_move_before_the_writer_says_so_leaves_the_next_generation_whole()
    {
        Append("lobby", Full);
        var last = _tail.LastId;
        Append("lobby", 2 * Full); // Waits for the older generation, full as it is.
        var move = _tail.NextMove();
        Assert.True(move.IsLast);

        _tail.ForgetUpTo(last);
        _tail.Add(TailRow.Write(++_rows, [Entry("lobby", (3 * Full) + 1, "next")]));
        _tail.Moved(move);

        _tail.Add(TailRow.Write(++_rows, [.. Enumerable.Range(0, Full).Select(i => Entry("other", i + 1, $"{i + 1}"))]));
        var next = _tail.NextMove();
        Assert.True(next.IsLast);
        Assert.Equal((2 * Full) + 1, next.Entries.Length);
    }

    /// <returns>How many entries it moved.</returns>
    private int Append(string roomId, int count = 1, bool move = true)
    {
        var entries = new LogEntry[count];
        for (var i = 0; i < count; i++)
        {
            var seq = _seqs[roomId] = _seqs.GetValueOrDefault(roomId) + 1;
            entries[i] = Entry(roomId, seq, $"{seq}");
        }

        var next = move ? _tail.NextMove() : default;
        _moved.AddRange(next.Entries.Span);
        _tail.Moved(next);
        _tail.Add(TailRow.Write(++_rows, entries));
        return next.Entries.Length;
    }

    private static LogEntry Entry(string roomId, long seq, string key) => new(roomId, "ana", key, new RoomEvent
    {
        Seq = seq, CreatedAtMs = 1_000 + (seq % 100), UserId = "ana", Message = new MessageCreated { MessageId = $"id-{key}", Content = "hola" },
    });
}
