using System.Globalization;
using System.Text;
using Tertulia.Connections.Events;
using Tertulia.Contracts;

namespace Tertulia.Connections.Doors.Http;

/// <summary>Positions in several rooms as text: <c>lobby:41@k3v9x2ab,team:7</c>. A seq follows the last colon, because a room id may have some; the epoch follows <c>@</c>
/// and is that of the room before when it is absent.</summary>
internal static class Positions
{
    /// <summary>The rule, for a developer.</summary>
    public const string Rule = "positions are room_id:seq, separated by commas, the first with @epoch where it is known: lobby:41@k3v9x2ab,team:7";

    /// <summary>Reads positions.</summary>
    /// <param name="text">As above.</param>
    /// <param name="epoch">Of positions before which none is named; empty when unknown.</param>
    /// <param name="maxRooms">Rooms at most.</param>
    /// <returns>Null when it is malformed, names too many rooms, or one twice.</returns>
    public static IReadOnlyList<(string RoomId, Position Position)>? Parse(string text, string epoch, int maxRooms)
    {
        var positions = new List<(string, Position)>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var part in text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var at = part.IndexOf('@', StringComparison.Ordinal);
            epoch = at < 0 ? epoch : part[(at + 1)..];
            var place = at < 0 ? part : part[..at];
            var colon = place.LastIndexOf(':');
            if (colon < 1 || epoch.Length > PositionFormat.MaxEpochChars || epoch.Contains('\0', StringComparison.Ordinal)
                || !RoomIdFormat.IsValid(place.AsSpan(0, colon)) || positions.Count == maxRooms || !seen.Add(place[..colon])
                || !long.TryParse(place.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var seq) || seq > PositionFormat.MaxSeq)
            {
                return null;
            }

            positions.Add((place[..colon], new Position { Epoch = epoch, Seq = seq }));
        }

        return positions;
    }

    /// <summary>Writes positions.</summary>
    public static string Write(IEnumerable<KeyValuePair<string, Position>> positions)
    {
        var text = new StringBuilder();
        var epoch = "";
        foreach (var (roomId, position) in positions)
        {
            text.Append(text.Length > 0 ? "," : "").Append(roomId).Append(':').Append(position.Seq.ToString(CultureInfo.InvariantCulture));
            if (position.Epoch != epoch)
            {
                text.Append('@').Append(epoch = position.Epoch);
            }
        }

        return text.ToString();
    }
}
