using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Tertulia.Connections.Limits;

/// <summary>What one client may do (PROTOCOL §6). 0 means unlimited.</summary>
public sealed class LimitOptions
{
    internal const string Section = "Limits";

    /// <summary>Messages of one history page at most.</summary>
    internal const int MaxHistoryPage = 100;

    private const int DefaultBurst = 20;

    /// <summary>Client events of one user in 60 seconds, all of the user's sockets on all nodes together.</summary>
    /// <value>0 to 1 000 000; default 100.</value>
    [Range(0, 1_000_000)]
    public int EventsPerMinute { get; set; } = 100;

    /// <summary>Characters of a message.</summary>
    /// <value>0 to 16 000; default 1000.</value>
    [Range(0, 16_000)]
    public int ContentLength { get; set; } = 1000;

    /// <summary>Bytes of a client's frame or message, inflated.</summary>
    /// <value>0 (then 16 MiB, what a node is ready to hold for one frame), or 1 KiB to 16 MiB; default 64 KiB.</value>
    [Range(0, MaxFrameBytes)]
    public int FrameBytes { get; set; } = 64 * 1024;

    /// <summary>Rooms one socket may be in.</summary>
    /// <value>0 to 100 000; default 128.</value>
    [Range(0, 100_000)]
    public int RoomsPerConnection { get; set; } = 128;

    /// <summary>Sockets of one user on one node.</summary>
    /// <value>0 to 1 000 000; default 20.</value>
    [Range(0, 1_000_000)]
    public int ConnectionsPerUser { get; set; } = 20;

    /// <summary>Sockets on this node from one address.</summary>
    /// <value>0 to 1 000 000; default 0: many people share an address behind a carrier or an office.</value>
    [Range(0, 1_000_000)]
    public int ConnectionsPerAddress { get; set; }

    /// <summary>Sockets on this node.</summary>
    /// <value>0 to 10 000 000; default 0.</value>
    [Range(0, 10_000_000)]
    public int ConnectionsPerNode { get; set; }

    /// <summary>Events that may come at once: 20, more where <see cref="EventsPerMinute"/> was raised.</summary>
    internal int Burst => EventsPerMinute == 0 ? 0 : Math.Min(EventsPerMinute, Math.Max(DefaultBurst, EventsPerMinute / 5));

    /// <summary>Bytes of a frame that a node is ready to hold.</summary>
    internal int EffectiveFrameBytes => FrameBytes == 0 ? MaxFrameBytes : FrameBytes;

    private const int MaxFrameBytes = 16 * 1024 * 1024;
}

[OptionsValidator]
internal sealed partial class LimitOptionsValidator : IValidateOptions<LimitOptions>;
