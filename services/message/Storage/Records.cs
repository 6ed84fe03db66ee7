using Tertulia.Contracts;

namespace Tertulia.Messages.Storage;

/// <summary>What one flush appends to one room.</summary>
/// <param name="Partition">The room's partition.</param>
/// <param name="RoomId">The room.</param>
/// <param name="OwnerEpoch">As <see cref="IMessageStore.TakePartitionAsync"/> gave it to the writer: a newer one refuses the append.</param>
/// <param name="Entries">With consecutive seqs, the first one being one more than the room's last. At least one.</param>
internal sealed record RoomAppend(int Partition, string RoomId, long OwnerEpoch, IReadOnlyList<LogEntry> Entries)
{
    /// <summary>What makes an entry the same when it comes again.</summary>
    public EntryKey KeyOf(in LogEntry entry) => new(RoomId, entry.SenderId, entry.IdempotencyKey);
}

/// <summary>One entry to be appended to a room's log. Its seq is the event's.</summary>
/// <param name="SenderId">User who caused it.</param>
/// <param name="IdempotencyKey">Unique for ever per room and sender: the same command always has the same.</param>
/// <param name="Event">As it is stored: without origin, command and trace.</param>
/// <param name="Change">What it makes of an older message; null when it changes none.</param>
/// <param name="Erased">An older entry of the room, by its seq, as it is from now on: without the text that this entry replaces or deletes; null when it is about none.</param>
internal readonly record struct LogEntry(
    string SenderId, string IdempotencyKey, RoomEvent Event, MessageChange? Change = null, RoomEvent? Erased = null);

/// <summary>A message that an entry changes.</summary>
/// <param name="CreatedSeq">Seq of the entry that created it.</param>
/// <param name="State">All of the message as it is after the change. Its <c>seq</c> and <c>updated_seq</c> are the store's to set.</param>
internal sealed record MessageChange(long CreatedSeq, Message State);

/// <summary>The unique key of the log.</summary>
internal readonly record struct EntryKey(string RoomId, string SenderId, string IdempotencyKey);

/// <summary>A user in a room.</summary>
internal readonly record struct MemberKey(string RoomId, string UserId);

/// <summary>A place in a room's log.</summary>
internal readonly record struct RoomSeq(string RoomId, long Seq);

/// <summary>What a room knows of a user.</summary>
/// <param name="Role"><c>owner</c>, <c>moderator</c>, <c>member</c> or <c>guest</c>; empty when not a member.</param>
/// <param name="Banned">May neither enter nor read nor write.</param>
/// <param name="Muted">May not speak.</param>
/// <param name="BannedUntilMs">When the ban ends, Unix milliseconds; 0 when it does not end by itself.</param>
/// <param name="MutedUntilMs">When the mute ends, Unix milliseconds; 0 when it does not end by itself.</param>
/// <param name="InvitedBy">Who invited the user, who has not answered; empty when nobody did.</param>
internal readonly record struct Membership(
    string Role, bool Banned, bool Muted = false, long BannedUntilMs = 0, long MutedUntilMs = 0, string InvitedBy = "")
{
    /// <summary>Of a user the room has never seen.</summary>
    public static Membership None { get; } = new("", Banned: false);

    /// <summary>Whether the user belongs to the room.</summary>
    public bool IsMember => Role.Length > 0 && !Banned;

    /// <summary>Something of it ends by itself.</summary>
    public bool HasEnd => (BannedUntilMs | MutedUntilMs) != 0;

    /// <summary>Without the ban and the mute that have ended by now.</summary>
    /// <param name="nowMs">Unix milliseconds.</param>
    public Membership At(long nowMs)
    {
        var now = this;
        if (BannedUntilMs != 0 && BannedUntilMs <= nowMs)
        {
            now = now with { Banned = false, BannedUntilMs = 0 };
        }

        return MutedUntilMs != 0 && MutedUntilMs <= nowMs ? now with { Muted = false, MutedUntilMs = 0 } : now;
    }
}

/// <summary>A room as it is on disk.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="Kind"><c>open</c>, <c>private</c>, <c>direct</c> or <c>auditorium</c>.</param>
/// <param name="Members">Number of members.</param>
/// <param name="LastSeq">Seq of the newest log entry.</param>
/// <param name="Messages">Messages ever written to the room.</param>
/// <param name="CreatedBy">User who created it; empty when that is not known.</param>
/// <param name="Settings">All of its settings; null when it has nothing but its kind, and in views.</param>
/// <param name="IsDeleted">It has ended, and its id is not used again. Views do not show such rooms.</param>
/// <param name="Owners">Members who own it; 0 in views.</param>
/// <param name="FirstSeq">Messages from before it are kept no longer; in views only.</param>
internal readonly record struct RoomHead(
    string RoomId, string Kind, int Members, long LastSeq, long Messages = 0, string CreatedBy = "", RoomSettings? Settings = null, bool IsDeleted = false,
    int Owners = 0, long FirstSeq = 1);
