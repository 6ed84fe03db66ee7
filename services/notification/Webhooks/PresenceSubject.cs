namespace Tertulia.Notifications.Webhooks;

/// <summary>A room that may be occupied, or a user who may be online.</summary>
/// <param name="IsRoom">Else it is a user.</param>
/// <param name="Id">Its id.</param>
internal readonly record struct PresenceSubject(bool IsRoom, string Id)
{
    /// <summary>As it is stored.</summary>
    public string Key => $"{(IsRoom ? 'r' : 'u')}:{Id}";

    public static PresenceSubject Room(string roomId) => new(true, roomId);

    public static PresenceSubject User(string userId) => new(false, userId);

    /// <summary>Of <see cref="Key"/>.</summary>
    public static PresenceSubject Parse(string key) => new(key[0] == 'r', key[2..]);
}
