namespace Tertulia.Messages.Permissions;

/// <summary>What can be done in a room. Each has a row in <see cref="RoomPermissions"/>, and so in docs/permissions.md.</summary>
internal enum RoomAction
{
    /// <summary>Join it; where the room lets anyone in, that makes a member.</summary>
    Enter,

    /// <summary>See messages: history, snapshots, live events.</summary>
    Read,

    /// <summary>Send a message that answers none.</summary>
    Write,

    /// <summary>Send a message that answers another.</summary>
    Reply,

    /// <summary>Change what one wrote.</summary>
    EditOwn,

    /// <summary>Change what another wrote.</summary>
    EditAny,

    /// <summary>Delete what one wrote.</summary>
    DeleteOwn,

    /// <summary>Delete what another wrote.</summary>
    DeleteAny,

    /// <summary>Add and take back reactions.</summary>
    React,

    /// <summary>Pin messages and take pins off.</summary>
    Pin,

    /// <summary>Send events of the application, which are not stored.</summary>
    Broadcast,

    /// <summary>Be seen typing.</summary>
    Type,

    /// <summary>Search the room's messages.</summary>
    Search,

    /// <summary>List the members.</summary>
    SeeMembers,

    /// <summary>Invite a user, and take an invitation back.</summary>
    Invite,

    /// <summary>Make a user a member without asking.</summary>
    AddMember,

    /// <summary>End another user's membership.</summary>
    RemoveMember,

    /// <summary>End one's own membership.</summary>
    LeaveForGood,

    /// <summary>Give a member another role.</summary>
    SetRole,

    /// <summary>End a user's membership and connections.</summary>
    Kick,

    /// <summary>Keep a user out, and let them in again.</summary>
    Ban,

    /// <summary>Keep a user silent, and let them speak again.</summary>
    Mute,

    /// <summary>Give the room another name.</summary>
    Rename,

    /// <summary>Give the room another topic.</summary>
    SetTopic,

    /// <summary>Of a community's main room: add a room to the community.</summary>
    AddChannel,

    /// <summary>Make the room one of another kind.</summary>
    SetKind,

    /// <summary>Set the time between two messages of one user.</summary>
    SlowMode,

    /// <summary>Make the room read only, and take that back.</summary>
    Archive,

    /// <summary>Delete the room.</summary>
    DeleteRoom,

    /// <summary>Set how long messages are kept.</summary>
    SetRetention,

    /// <summary>Report a message to the moderators.</summary>
    Report,

    /// <summary>List the reports.</summary>
    ReadReports,

    /// <summary>Read what was done in the room, and by whom: its part of the audit log.</summary>
    ReadAudit,
}
