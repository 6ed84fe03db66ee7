using System.Data.Common;

namespace Tertulia.Messages.Storage.Sql;

/// <summary>What only the message service has its own way for on each database.</summary>
internal interface IMessageDialect : ISqlDialect
{
    /// <summary>The rows of <c>feed</c> that belong to <c>@partition</c>, found by its primary key from <c>@flush</c> on.</summary>
    string OnlyPartition { get; }

    /// <summary>Stores message ids in a migration: their rows are the parameter <c>ids</c>, of text columns message_id, room_id, seq.</summary>
    string StoreMessageIds { get; }

    /// <summary>After migration 4, for what no statement can do.</summary>
    Task MoveTailAsync(DbCommand command);

    /// <returns>True when the database is an older state of what was written last, or another one; false also when that cannot be known.</returns>
    Task<bool> HasGoneBackAsync();

    /// <summary>The database counts as it is now: <see cref="HasGoneBackAsync"/> compares with it, and with what is appended from now on.</summary>
    Task RememberAsync();

    /// <summary>What was appended lately.</summary>
    FeedTail Tail { get; }

    /// <inheritdoc cref="IMessageStore.AppendAsync"/>
    Task<AppendOutcome[]> AppendAsync(IReadOnlyList<RoomAppend> appends);
}
