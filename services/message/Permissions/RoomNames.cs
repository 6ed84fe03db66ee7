namespace Tertulia.Messages.Permissions;

/// <summary>Kinds of rooms, as they are stored.</summary>
internal static class RoomKinds
{
    /// <summary>Anyone may enter and becomes a member. Clients call it <c>public</c>.</summary>
    public const string Open = "open";

    /// <summary>Members are added or invited.</summary>
    public const string Private = "private";

    /// <summary>Of two users, for ever.</summary>
    public const string Direct = "direct";

    /// <summary>Anyone may enter and listen; moderators speak.</summary>
    public const string Auditorium = "auditorium";

    /// <summary>All of them, in the order of the columns of <see cref="RoomPermissions"/>.</summary>
    public static IReadOnlyList<string> All { get; } = [Open, Private, Direct, Auditorium];

    /// <summary>Whether who enters becomes a member by that.</summary>
    public static bool LetsAnyoneIn(string kind) => kind is Open or Auditorium;
}

/// <summary>Roles of a room's members, as they are stored. Who is no member has the empty one.</summary>
internal static class RoomRoles
{
    public const string None = "";
    public const string Guest = "guest";
    public const string Member = "member";
    public const string Moderator = "moderator";
    public const string Owner = "owner";

    /// <summary>All of them, each including what the ones before it may do.</summary>
    public static IReadOnlyList<string> All { get; } = [None, Guest, Member, Moderator, Owner];
}
