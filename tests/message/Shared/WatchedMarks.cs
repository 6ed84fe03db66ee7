using System.Collections.Concurrent;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Tests;

/// <summary>The real marks, whose writes can be counted and held back.</summary>
internal sealed class WatchedMarks(IReadMarks marks) : IReadMarks
{
    /// <summary>Marks of each transaction.</summary>
    public ConcurrentQueue<int> Written { get; } = [];

    /// <summary>Called before every write; the write waits for what it returns.</summary>
    public Func<Task>? Writing { get; set; }

    public async Task WriteAsync(IReadOnlyCollection<ReadMark> written, CancellationToken cancellationToken)
    {
        Written.Enqueue(written.Count);
        if (Writing is { } writing)
        {
            await writing();
        }

        await marks.WriteAsync(written, cancellationToken);
    }

    public Task<Dictionary<MemberKey, ReadState>> ReadAsync(IReadOnlyCollection<MemberKey> readers, CancellationToken cancellationToken) =>
        marks.ReadAsync(readers, cancellationToken);

    public Task<long> CountUnreadAsync(string userId, CancellationToken cancellationToken) => marks.CountUnreadAsync(userId, cancellationToken);
}
