using Tertulia.Contracts;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Storage;
using Tertulia.Messages.Verbs;

namespace Tertulia.Messages.Rooms;

/// <summary>Settings of a room change: all that the command names, or none.</summary>
internal sealed class UpdateRoomVerb : OneTimeVerb
{
    public override Command.BodyOneofCase Body => Command.BodyOneofCase.UpdateRoom;

    protected override string Name => "settings";

    public override void NameMessages(in Submitted submitted, Flush flush)
    {
        if (submitted.Command.UpdateRoom is { HasCommunity: true, Community: { Length: > 0 } community } && community != submitted.Room.RoomId)
        {
            flush.NeedMainRoom(community, submitted.Command.Actor?.UserId ?? "");
        }
    }

    protected override void Carry(in Submitted submitted, in EntryKey key, Flush flush)
    {
        var room = submitted.Room;
        if (!room.Exists)
        {
            flush.Refuse(submitted, ErrorCode.RoomNotFound);
            return;
        }

        var update = submitted.Command.UpdateRoom;
        var before = room.Settings;
        var settings = before.Clone();
        var entry = new RoomUpdated { Settings = settings };
        var refusal = ErrorCode.Unspecified;
        Set(submitted, update.HasName, RoomAction.Rename, "name", update.Name != before.Name, entry, ref refusal);
        Set(submitted, update.HasTopic, RoomAction.SetTopic, "topic", update.Topic != before.Topic, entry, ref refusal);
        Set(submitted, update.HasKind, RoomAction.SetKind, "kind", update.Kind != before.Kind, entry, ref refusal);
        Set(submitted, update.HasCommunity, RoomAction.SetKind, "community", update.Community != before.Community, entry, ref refusal);
        Set(submitted, update.HasArchived, RoomAction.Archive, "archived", update.Archived != before.Archived, entry, ref refusal);
        Set(submitted, update.HasSlowModeSeconds, RoomAction.SlowMode, "slow_mode", update.SlowModeSeconds != before.SlowModeSeconds, entry, ref refusal);
        Set(submitted, update.HasRetentionDays, RoomAction.SetRetention, "retention_days", update.RetentionDays != before.RetentionDays, entry, ref refusal);
        if (refusal != ErrorCode.Unspecified)
        {
            flush.Refuse(submitted, refusal);
            return;
        }

        Fill(settings, update);
        var complaint = settings.Kind == before.Kind && before.Kind == RoomKinds.Direct
            ? RoomText.Complaint(new RoomSettings(settings) { Kind = RoomKinds.Private }) // A direct room stays one.
            : RoomText.Complaint(settings);
        if (complaint is not null || (before.Kind == RoomKinds.Direct && settings.Kind != before.Kind))
        {
            flush.Refuse(submitted, new Refusal { Code = ErrorCode.BadRequest, Detail = complaint ?? "a direct room stays one" });
        }
        else if (entry.Changed.Count == 0)
        {
            ReplyIsSo(submitted, new RoomEvent { RoomUpdated = entry }, flush);
        }
        else if (settings.Community != before.Community && Communities.CheckAdds(submitted, settings.Community, update.CommunityGrant, flush) is { } mayNotAdd)
        {
            flush.Refuse(submitted, mayNotAdd);
        }
        else
        {
            room.Settings = settings;
            flush.Append(submitted, this, key, new RoomEvent { RoomUpdated = entry });
        }
    }

    private static void Set(
        in Submitted submitted, bool isNamed, RoomAction action, string name, bool isOther, RoomUpdated entry, ref ErrorCode refusal)
    {
        if (!isNamed || refusal != ErrorCode.Unspecified)
        {
            return;
        }

        refusal = RoomPermissions.Check(submitted, action);
        if (isOther)
        {
            entry.Changed.Add(name);
        }
    }

    private static void Fill(RoomSettings settings, UpdateRoom update)
    {
        settings.Name = update.HasName ? update.Name : settings.Name;
        settings.Topic = update.HasTopic ? update.Topic : settings.Topic;
        settings.Kind = update.HasKind ? update.Kind : settings.Kind;
        settings.Community = update.HasCommunity ? update.Community : settings.Community;
        settings.Archived = update.HasArchived ? update.Archived : settings.Archived;
        settings.SlowModeSeconds = update.HasSlowModeSeconds ? update.SlowModeSeconds : settings.SlowModeSeconds;
        settings.RetentionDays = update.HasRetentionDays ? update.RetentionDays : settings.RetentionDays;
    }
}
