using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Tertulia.Messages.Sending;

/// <summary>Bounds of the work that is done at once.</summary>
public sealed class SendOptions
{
    internal const string Section = "Messages";
    internal const int MaxFlushLoops = 64;

    /// <summary>Commands that one write takes together at most. A batch of a node is never divided, so that a flush may exceed it by one batch.</summary>
    /// <value>1 to 10 000; default 1 000.</value>
    [Range(1, 10_000)]
    public int FlushCommands { get; set; } = 1_000;

    /// <summary>Longest delay between two writes while commands come so fast that several would go together: this long when no processor is free, zero when the
    /// machine is calm. 0 turns it off.</summary>
    /// <value>0 to 100 milliseconds; default 12 milliseconds.</value>
    [Range(typeof(TimeSpan), "00:00:00", "00:00:00.1")]
    public TimeSpan FlushPace { get; set; } = TimeSpan.FromMilliseconds(12);

    /// <summary>Loops that write, each for its part of the partitions: one that waits for the store holds up no other. On SQLite, which has one writer, more
    /// than one brings nothing.</summary>
    /// <value>0 to 64; default 0: one for every four processors, at least one.</value>
    [Range(0, MaxFlushLoops)]
    public int FlushLoops { get; set; }

    /// <summary>Commands whose result is kept in memory, so that a client that sends one again is answered without the store.</summary>
    /// <value>0 to 10 000 000; default 20 000, about 6 MB.</value>
    [Range(0, 10_000_000)]
    public int RecentKeys { get; set; } = 20_000;
}

[OptionsValidator]
internal sealed partial class SendOptionsValidator : IValidateOptions<SendOptions>;
