using Tertulia.Contracts;

namespace Tertulia.Messages.Rooms;

/// <summary>The rooms of a <see cref="RoomScope"/>.</summary>
internal sealed class ReadableRooms
{
    private static readonly ReadableRooms AllRooms = new(null);

    private readonly HashSet<string>? _ids;
    private readonly string[] _patterns = [];
    private readonly HashSet<string> _except = [];

    private ReadableRooms(RoomScope? scope)
    {
        if (scope is not null)
        {
            _ids = new HashSet<string>(scope.Patterns.Where(pattern => !RoomPattern.HasStar(pattern)), StringComparer.Ordinal);
            _patterns = [.. scope.Patterns.Where(RoomPattern.HasStar)];
            _except = new HashSet<string>(scope.Except, StringComparer.Ordinal);
        }
    }

    /// <summary>None is left out.</summary>
    public bool IsAll => _ids is null;

    /// <param name="scope">Null: all rooms.</param>
    public static ReadableRooms Of(RoomScope? scope) => scope is null ? AllRooms : new ReadableRooms(scope);

    public bool Has(string roomId) =>
        _ids is null || ((_ids.Contains(roomId) || Array.Exists(_patterns, pattern => RoomPattern.Matches(pattern, roomId))) && !_except.Contains(roomId));
}
