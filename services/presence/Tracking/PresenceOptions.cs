using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Tertulia.Presence.Tracking;

/// <summary>How the picture of who is online is kept.</summary>
public sealed class PresenceOptions
{
    internal const string Section = "Presence";

    /// <summary>Users in a room above which its members are told a count, at most once a second, instead of who came and went.</summary>
    /// <value>Users, 1 to 200 (more are not listed to who enters); default 200.</value>
    [Range(1, 200)]
    public int LargeRoomUsers { get; set; } = 200;

    /// <summary>Silence after which a node counts as dead and its connections as closed: three missed heartbeats.</summary>
    /// <value>6 seconds to 10 minutes; default 15 seconds.</value>
    [Range(typeof(TimeSpan), "00:00:06", "00:10:00")]
    public TimeSpan NodeTimeout { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>After a start, the picture counts as complete when no node has added to it for this long.</summary>
    /// <value>0 to 10 seconds; default 300 milliseconds. 0 where the only node is in the same process.</value>
    [Range(typeof(TimeSpan), "00:00:00", "00:00:10")]
    public TimeSpan SettleQuiet { get; set; } = TimeSpan.FromMilliseconds(300);

    /// <summary>After a start, the picture counts as complete after this time even if nodes still add to it.</summary>
    /// <value>0 to 2 minutes; default 10 seconds.</value>
    [Range(typeof(TimeSpan), "00:00:00", "00:02:00")]
    public TimeSpan SettleLimit { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Reports and questions that wait for the loop that owns the picture; above it the bus keeps the reports.</summary>
    /// <value>Items, 16 to 65,536; default 1,024.</value>
    [Range(16, 65_536)]
    public int QueueLength { get; set; } = 1_024;

    /// <summary>Memory for the statuses that users have chosen, of those who are connected and of those who are not. Above it users without one cannot choose one
    /// (<c>overloaded</c>).</summary>
    /// <value>Bytes, 64 KiB to 16 GiB; default 64 MiB: about 150,000 users.</value>
    [Range(64L * 1024, 16L * 1024 * 1024 * 1024)]
    public long StatusBytes { get; set; } = 64 * 1024 * 1024;

    /// <summary>Rooms in one <c>GetStats</c> answer at most; the ones with the most connections are listed.</summary>
    /// <value>Rooms, 1 to 6,500 (an answer has 1 MiB); default 5,000.</value>
    [Range(1, 6_500)]
    public int StatsRooms { get; set; } = 5_000;
}

[OptionsValidator]
internal sealed partial class PresenceOptionsValidator : IValidateOptions<PresenceOptions>;
