using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Tertulia.Connections.Rooms;

/// <summary>Joins and history, whose answers are read from the message service.</summary>
public sealed class RoomReadOptions
{
    internal const string Section = "Connections:Rooms";

    /// <summary>Time for which a join is tried again while the services behind are slow or away: it is answered late. Then the client
    /// is told <c>unavailable</c>, and on <c>/ws/{room_id}</c> closed with 4000.</summary>
    /// <value>1 second to 1 hour; default 1 minute.</value>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan Patience { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>The same for a page of history.</summary>
    /// <value>1 second to 1 hour; default 15 seconds.</value>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan HistoryPatience { get; set; } = TimeSpan.FromSeconds(15);
}

[OptionsValidator]
internal sealed partial class RoomReadOptionsValidator : IValidateOptions<RoomReadOptions>;
