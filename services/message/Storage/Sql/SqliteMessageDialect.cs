using System.Data.Common;

namespace Tertulia.Messages.Storage.Sql;

/// <summary>SQLite: appends are the jobs of the one connection that writes.</summary>
internal sealed class SqliteMessageDialect : SqliteDialect, IMessageDialect
{
    private const int CacheKiB = 16 * 1024; // The ends of some hundred rooms that are busy: their appends read nothing from the file.
    private readonly SqliteMark _mark;

    /// <param name="options">Where the file is.</param>
    public SqliteMessageDialect(StoreOptions options)
        : base(options, CacheKiB) => _mark = new SqliteMark(Path.GetFullPath(options.Path), OpenAsync);

    // Flushes of all partitions lie in one order: a partition's are looked for between the reader's position and the partition's last one.
    public string OnlyPartition =>
        "partition = @partition and flush between @flush and (select flush from partition_owners where partition = @partition)";

    public FeedTail Tail { get; } = new(countsByPartition: false);

    public string StoreMessageIds => $"""
        insert or ignore into message_ids (message_id, room_id, seq)
        select message_id, room_id, cast(seq as integer) from {RowsTable("ids", "message_id", "room_id", "seq")}
        """;

    public Task MoveTailAsync(DbCommand command) => SqliteTailMove.RunAsync(command);

    /// <inheritdoc cref="IMessageStore.AppendAsync"/>
    /// <remarks>The caller may go on on the writer's thread, on which nothing may block.</remarks>
    public Task<AppendOutcome[]> AppendAsync(IReadOnlyList<RoomAppend> appends) => Writer.RunAsync(
        (Appends: appends, Mark: _mark, Tail),
        static (session, job) =>
        {
            var append = session.Prepared(static connection => new SqliteAppend(connection));
            var outcomes = append.Run(job.Appends);
            append.AddTo(job.Tail);
            job.Mark.Appended();
            return outcomes;
        },
        goesOnHere: true);

    public Task<bool> HasGoneBackAsync() => _mark.HasGoneBackAsync();

    public Task RememberAsync() => _mark.RememberAsync();

    public override async ValueTask DisposeAsync()
    {
        Writer.Dispose(); // All appends are done: where the database ends is known.
        await _mark.DisposeAsync();
        await base.DisposeAsync();
    }
}
