using Tertulia.Messages.Rooms;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Flushing;

/// <content>Main rooms of communities that commands of this flush add rooms to, as the store has them: they belong to any partition.</content>
internal sealed partial class Flush
{
    private const int MaxCommunityLength = 128;
    private const int MaxUserIdLength = 512;

    private readonly Dictionary<MemberKey, MainPlace> _mainPlaces = [];
    private readonly HashSet<MemberKey> _neededPlaces = [];

    /// <summary>Main rooms, and places of users in them, that are to be read before the commands are decided.</summary>
    public IReadOnlyCollection<MemberKey> NeededPlaces => _neededPlaces;

    /// <summary>A command must know whether a user may add rooms to a community: its main room is read, unless it was already, or there can be none.</summary>
    public void NeedMainRoom(string community, string userId)
    {
        var key = new MemberKey(community, userId);
        if (IsId(community, MaxCommunityLength) && IsId(userId, MaxUserIdLength) && !_mainPlaces.ContainsKey(key))
        {
            _neededPlaces.Add(key);
        }
    }

    /// <summary>Takes over what the store has of the needed main rooms.</summary>
    public void LoadMainRooms(LoadedRooms loaded, long nowMs)
    {
        foreach (var key in _neededPlaces)
        {
            _mainPlaces[key] = new MainPlace(Communities.MainOf(key.RoomId, loaded.Rooms), loaded.Members.GetValueOrDefault(key, Membership.None).At(nowMs));
        }

        _neededPlaces.Clear();
    }

    /// <summary>A community's main room and a user's place in it.</summary>
    public MainPlace MainRoomOf(string community, string userId) => _mainPlaces.GetValueOrDefault(new MemberKey(community, userId));

    private static bool IsId(string id, int maxLength) => id.Length > 0 && id.Length <= maxLength && !id.Contains('\0');

    private void ForgetMainRooms()
    {
        _mainPlaces.Clear();
        _neededPlaces.Clear();
    }
}

/// <summary>A community's main room, and a user's place in it.</summary>
/// <param name="Room">Null when the community has none.</param>
/// <param name="Membership">The place.</param>
internal readonly record struct MainPlace(RoomHead? Room, Membership Membership);
