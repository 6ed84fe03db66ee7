using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Tertulia.Messages.Rooms;

/// <summary>How rooms come to be and how many are kept in memory.</summary>
public sealed class RoomOptions
{
    internal const string Section = "Messages:Rooms";

    /// <summary>Whoever enters a room that does not exist creates it, open to all, and owns it.</summary>
    /// <value>Default true; false: <c>room_not_found</c>.</value>
    public bool CreateOnJoin { get; set; } = true;

    /// <summary>Rooms without subscribers that one replica keeps in memory.</summary>
    /// <value>1 000 to 10 000 000; default 100 000.</value>
    [Range(1_000, 10_000_000)]
    public int CachedRooms { get; set; } = 100_000;

    /// <summary>Memberships that one replica keeps in memory, about 150 bytes each.</summary>
    /// <value>1 000 to 100 000 000; default 1 000 000.</value>
    [Range(1_000, 100_000_000)]
    public int CachedMembers { get; set; } = 1_000_000;
}

[OptionsValidator]
internal sealed partial class RoomOptionsValidator : IValidateOptions<RoomOptions>;
