using System.Data.Common;

namespace Tertulia.Messages.Storage.Sql;

/// <summary>PostgreSQL: an append is one batch (<see cref="PostgresAppend"/>).</summary>
internal sealed class PostgresMessageDialect : PostgresDialect, IMessageDialect
{
    private readonly PostgresAppend _append;

    public PostgresMessageDialect(StoreOptions options)
        : base(options) => _append = new PostgresAppend(() => Source, Tail);

    public string OnlyPartition => "partition = @partition";

    public FeedTail Tail { get; } = new(countsByPartition: true);

    public string StoreMessageIds => $"""
        update room_log l set message_id = i.message_id
        from {RowsTable("ids", "message_id", "room_id", "seq")} i
        where l.room_id = i.room_id and l.seq = cast(i.seq as bigint)
        """;

    // What a server's standby or backup lacks is known to the nodes and the partitions' owners, which do not all end with it.
    public Task<bool> HasGoneBackAsync() => Task.FromResult(false);

    public Task RememberAsync() => Task.CompletedTask;

    public Task MoveTailAsync(DbCommand command) => Task.CompletedTask; // Never had one.

    public Task<AppendOutcome[]> AppendAsync(IReadOnlyList<RoomAppend> appends) => _append.AppendAsync(appends);
}
