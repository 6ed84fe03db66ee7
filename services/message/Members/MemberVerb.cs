using Tertulia.Contracts;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Storage;
using Tertulia.Messages.Verbs;

namespace Tertulia.Messages.Members;

/// <summary>A user's place in a room changes: membership, role, invitation, kick, ban, mute. What each asks for is in <see cref="MemberRules"/>.</summary>
internal sealed class MemberVerb : OneTimeVerb
{
    private const int MaxUsernameLength = 256;

    public override Command.BodyOneofCase Body => Command.BodyOneofCase.ChangeMember;

    protected override string Name => "member";

    public override string? OtherUser(in Submitted submitted) => TargetOf(submitted.Command) is var userId && userId != submitted.Command.Actor.UserId ? userId : null;

    public override void NameMessages(in Submitted submitted, Flush flush)
    {
        if (submitted.Command.ChangeMember.Action == MemberAction.Invite)
        {
            flush.NeededInvitations.Add(submitted.Room);
        }
    }

    protected override void Carry(in Submitted submitted, in EntryKey key, Flush flush)
    {
        var room = submitted.Room;
        var change = submitted.Command.ChangeMember;
        if (!room.Exists)
        {
            flush.Refuse(submitted, ErrorCode.RoomNotFound);
            return;
        }

        var target = room.MemberOf(TargetOf(submitted.Command));
        if (!target.IsLoaded || !RoomText.Fits(change.Username, MaxUsernameLength) || !RoomText.Fits(change.Reason, RoomText.MaxReasonLength))
        {
            flush.Refuse(submitted, ErrorCode.BadRequest); // Not an id that a user can have, or too long.
            return;
        }

        var decision = MemberRules.Decide(submitted, change, target, flush.NowMs);
        if (decision.Refusal is { } refusal)
        {
            flush.Refuse(submitted, refusal);
        }
        else if (decision.IsSo)
        {
            ReplyIsSo(submitted, MemberChange.Entry(room, target, change.Action, change.Username, change.Reason), flush);
        }
        else
        {
            var username = target == submitted.Member ? submitted.Command.Actor.Username : change.Username;
            flush.Append(submitted, this, key, MemberChange.Apply(room, target, decision.Now, decision.Action, username, change.Reason));
        }
    }

    private static string TargetOf(Command command) => MemberRules.IsOfOneself(command.ChangeMember.Action) || command.ChangeMember.UserId.Length == 0
        ? command.Actor.UserId
        : command.ChangeMember.UserId;
}
