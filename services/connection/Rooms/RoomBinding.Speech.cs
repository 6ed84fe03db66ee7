using Tertulia.Contracts;

namespace Tertulia.Connections.Rooms;

/// <content>What members may say that goes from node to node without the room's writer: the node keeps what the writer would weigh.</content>
internal sealed partial class RoomBinding
{
    private volatile bool _isArchived;

    /// <summary>Nothing is added to the room.</summary>
    public bool IsArchived
    {
        get => _isArchived;
        set => _isArchived = value;
    }

    // Who enters a room is not in it before, and who is put out not afterwards.
    private void OnPlace(RoomEvent entry)
    {
        if (entry.Member is not { Action: MemberAction.SetRole or MemberAction.Add or MemberAction.Accept or MemberAction.Mute or MemberAction.Unmute } changed)
        {
            return;
        }

        foreach (var member in _members.Span)
        {
            if (member.UserId == changed.UserId)
            {
                member.Place = new Place(entry.Seq, changed.Role, changed.Muted, changed.MutedUntilMs);
            }
        }
    }
}
