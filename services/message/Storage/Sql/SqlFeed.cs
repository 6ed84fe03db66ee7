using System.Globalization;
using Google.Protobuf;

namespace Tertulia.Messages.Storage.Sql;

/// <summary>The feed of a partition: a row per flush says which entries it appended, the log has them.</summary>
/// <remarks>Two statements, of which the second reads only what the first one has seen: entries never change.</remarks>
internal sealed class SqlFeed(IMessageDialect dialect)
{
    /// <summary>What a row of the feed holds: of each room its id, its first seq and its number of entries, without tags.</summary>
    public static byte[] Write(IReadOnlyList<RoomAppend> appends)
    {
        var length = 0;
        foreach (var append in appends)
        {
            length += CodedOutputStream.ComputeStringSize(append.RoomId) + CodedOutputStream.ComputeInt64Size(append.Entries[0].Event.Seq)
                + CodedOutputStream.ComputeInt32Size(append.Entries.Count);
        }

        var rooms = new byte[length];
        var output = new CodedOutputStream(rooms);
        foreach (var append in appends)
        {
            output.WriteString(append.RoomId);
            output.WriteInt64(append.Entries[0].Event.Seq);
            output.WriteInt32(append.Entries.Count);
        }

        return rooms;
    }

    /// <inheritdoc cref="IMessageStore.ReadFeedAsync"/>
    public async Task<FeedPage> ReadAsync(int partition, FeedPosition from, ReadLimit limit)
    {
        var (epoch, flushes, hasMoreFlushes) = await ReadFlushesAsync(partition, from, limit);
        var wanted = new List<Range>();
        var entries = 0;
        foreach (var flush in flushes)
        {
            var skip = flush.OwnerEpoch == from.OwnerEpoch && flush.Number == from.Flush ? from.Entry : 0;
            AddRanges(flush, skip, wanted, ref entries);
        }

        var page = new FeedPage(epoch, [], from, hasMoreFlushes);
        return wanted.Count == 0 ? page : await ReadEntriesAsync(page, wanted, entries, limit);
    }

    /// <inheritdoc cref="IMessageStore.ReadFeedHeadsAsync"/>
    public async Task<FeedHeads> ReadHeadsAsync()
    {
        await using var connection = await dialect.OpenAsync();
        await using var command = connection.CreateCommand(SqlText.FeedHeads);
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        var (epoch, heads) = ("", new Dictionary<int, FeedHead>());
        while (await reader.ReadAsync(CancellationToken.None))
        {
            epoch = reader.GetString(0);
            if (!reader.IsDBNull(1))
            {
                heads.Add(reader.GetInt32(1), new FeedHead(reader.GetInt64(2), reader.GetInt64(3)));
            }
        }

        return new FeedHeads(epoch, heads);
    }

    private static void AddRanges(in Flush flush, int skip, List<Range> wanted, ref int entries)
    {
        var input = new CodedInputStream(flush.Rooms);
        var read = 0;
        while (!input.IsAtEnd)
        {
            var (roomId, firstSeq, count) = (input.ReadString(), input.ReadInt64(), input.ReadInt32());
            var skipped = Math.Min(skip, count);
            skip -= skipped;
            read += skipped;
            if (skipped == count)
            {
                continue;
            }

            wanted.Add(new Range(roomId, firstSeq + skipped, count - skipped, new FeedPosition(flush.OwnerEpoch, flush.Number, read)));
            read += count - skipped;
            entries += count - skipped;
        }
    }

    private async Task<(string Epoch, List<Flush> Flushes, bool HasMore)> ReadFlushesAsync(int partition, FeedPosition from, ReadLimit limit)
    {
        await using var connection = await dialect.OpenAsync();
        await using var command = connection.CreateCommand(
            SqlText.FeedFlushes(dialect.OnlyPartition),
            ("partition", partition), ("epoch", from.OwnerEpoch), ("flush", from.Flush), ("count", limit.Count), ("bytes", limit.Bytes));
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        var flushes = new List<Flush>();
        var (epoch, total) = ("", 0L);
        while (await reader.ReadAsync(CancellationToken.None))
        {
            epoch = reader.GetString(0);
            if (!reader.IsDBNull(1))
            {
                total = reader.GetInt64(1);
                flushes.Add(new Flush(reader.GetInt64(2), reader.GetInt64(3), reader.GetFieldValue<byte[]>(4)));
            }
        }

        return (epoch, flushes, total > flushes.Count);
    }

    private async Task<FeedPage> ReadEntriesAsync(FeedPage page, List<Range> wanted, int entries, ReadLimit limit)
    {
        var rows = Cut(wanted, limit.Count);
        await using var connection = await dialect.OpenAsync();
        await using var command = connection.CreateCommand(
            SqlText.FeedEntries(dialect.RowsTable("ranges", "place", "room_id", "first_seq", "last_seq")), ("count", limit.Count), ("bytes", limit.Bytes));
        dialect.AddRows(
            command, "ranges",
            Column(rows, (_, place) => Text(place)), Column(rows, (range, _) => range.RoomId),
            Column(rows, (range, _) => Text(range.FirstSeq)), Column(rows, (range, _) => Text(range.FirstSeq + range.Count - 1)));
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        var last = 0;
        var ofLast = 0;
        while (await reader.ReadAsync(CancellationToken.None))
        {
            var place = (int)reader.GetInt64(1);
            ofLast = place == last ? ofLast + 1 : 1;
            last = place;
            page.Entries.Add(new FeedEntry(reader.GetString(2), reader.GetEvent(3)));
        }

        var at = wanted[last].Position;
        var next = at with { Entry = at.Entry + ofLast };
        var isEndOfFlush = ofLast == wanted[last].Count
            && (last + 1 == wanted.Count || (wanted[last + 1].Position.OwnerEpoch, wanted[last + 1].Position.Flush) != (at.OwnerEpoch, at.Flush));
        return page with
        {
            Next = isEndOfFlush ? new FeedPosition(at.OwnerEpoch, at.Flush + 1, Entry: 0) : next,
            HasMore = page.HasMore || page.Entries.Count < entries,
        };
    }

    /// <summary>The first ranges that have one entry more than may be returned, or all.</summary>
    private static List<Range> Cut(List<Range> wanted, int count)
    {
        var entries = 0L;
        var ranges = 0;
        while (ranges < wanted.Count && entries <= count)
        {
            entries += wanted[ranges++].Count;
        }

        return wanted[..ranges];
    }

    private static string[] Column(List<Range> ranges, Func<Range, int, string> value)
    {
        var column = new string[ranges.Count];
        for (var i = 0; i < column.Length; i++)
        {
            column[i] = value(ranges[i], i);
        }

        return column;
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    private readonly record struct Flush(long OwnerEpoch, long Number, byte[] Rooms);

    /// <summary>A room's entries of one flush that are wanted.</summary>
    private readonly record struct Range(string RoomId, long FirstSeq, int Count, FeedPosition Position);
}
