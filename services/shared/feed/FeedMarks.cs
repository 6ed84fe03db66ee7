using System.Data.Common;
using Tertulia.Sql;

namespace Tertulia.Feed;

/// <summary>A follower's marks in a table of its service, moved by compare and set in the transaction of what the follower writes.</summary>
/// <remarks>The service's migrations make the table: <c>follower {id}, partition integer, epoch text, owner_epoch bigint, flush bigint, entry integer</c>, all
/// <c>not null</c>, <c>primary key (follower, partition)</c>.</remarks>
/// <param name="dialect">Of the service's database.</param>
/// <param name="table">Name of the table.</param>
/// <param name="follower">Name of the follower.</param>
public sealed class FeedMarks(ISqlDialect dialect, string table, string follower)
{
    /// <summary>The stored mark.</summary>
    /// <exception cref="StoreUnavailableException">The database does not answer.</exception>
    public Task<FeedMark> ReadAsync(int partition, CancellationToken cancellationToken) => dialect.TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync();
        await using var command = connection.CreateCommand(
            $"select epoch, owner_epoch, flush, entry from {table} where follower = @follower and partition = @partition",
            ("follower", follower), ("partition", partition));
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        return await reader.ReadAsync(CancellationToken.None)
            ? new FeedMark(reader.GetString(0), reader.GetInt64(1), reader.GetInt64(2), reader.GetInt32(3))
            : FeedMark.Start;
    }, cancellationToken);

    /// <summary>Moves the mark from <see cref="FeedBatch.From"/> to <see cref="FeedBatch.To"/>. Its row stays locked until the transaction ends.</summary>
    /// <param name="command">Of the transaction. Its parameters are gone afterwards.</param>
    /// <param name="page">What is handled in the transaction.</param>
    /// <returns>False when the stored mark is another one: write nothing.</returns>
    public async Task<bool> MoveAsync(DbCommand command, FeedBatch page)
    {
        command.CommandText = page.From == FeedMark.Start
            ? $"""
              insert into {table} (follower, partition, epoch, owner_epoch, flush, entry) values (@follower, @partition, @epoch, @owner, @flush, @entry)
              on conflict do nothing
              """
            : $"""
              update {table} set epoch = @epoch, owner_epoch = @owner, flush = @flush, entry = @entry
              where follower = @follower and partition = @partition
                and epoch = @from_epoch and owner_epoch = @from_owner and flush = @from_flush and entry = @from_entry
              """;
        command.Parameters.Clear();
        Add("follower", follower);
        Add("partition", page.Partition);
        Add("epoch", page.To.Epoch);
        Add("owner", page.To.OwnerEpoch);
        Add("flush", page.To.Flush);
        Add("entry", page.To.Entry);
        if (page.From != FeedMark.Start)
        {
            Add("from_epoch", page.From.Epoch);
            Add("from_owner", page.From.OwnerEpoch);
            Add("from_flush", page.From.Flush);
            Add("from_entry", page.From.Entry);
        }

        var moved = await command.ExecuteNonQueryAsync(CancellationToken.None);
        command.Parameters.Clear();
        return moved == 1;

        void Add(string name, object value) => command.Parameters.Add(command.Parameter(name, value));
    }
}
