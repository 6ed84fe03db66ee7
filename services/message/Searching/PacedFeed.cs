using System.Diagnostics;
using Tertulia.Contracts;
using Tertulia.Feed;

namespace Tertulia.Messages.Searching;

/// <summary>The feed in larger pieces: who keeps up waits for more to come, so that a message costs less to take over.</summary>
/// <param name="source">The feed.</param>
internal sealed class PacedFeed(IFeedSource source) : IFeedSource
{
    /// <summary>Time between two reads of who keeps up.</summary>
    public static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(250);

    private readonly Dictionary<uint, (long At, bool IsBehind)> _reads = []; // By the first partition of the request: a follower of many reads in parts.

    /// <inheritdoc />
    public async Task<ReadFeedReply> ReadAsync(ReadFeedRequest request, CancellationToken cancellationToken)
    {
        var first = request.Partitions[0].Partition;
        if (_reads.TryGetValue(first, out var last) && !last.IsBehind && Stopwatch.GetElapsedTime(last.At) is var since && since < Pace)
        {
            await Task.Delay(Pace - since, cancellationToken); // By the machine's clock, not a test's: it is about its load.
        }

        var reply = await source.ReadAsync(request, cancellationToken);
        _reads[first] = (Stopwatch.GetTimestamp(), reply.Pages.Any(page => page.HasMore));
        return reply;
    }
}
