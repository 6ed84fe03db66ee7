using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Members;

/// <summary>A room's members, by user id.</summary>
internal sealed class MemberPages(RoomAccess access, IRoomReads rooms, IMessageStore store)
{
    private const int MaxMembers = 200;

    public async Task<MembersPage> GetAsync(ListMembersRequest request, CancellationToken cancellationToken)
    {
        if (request is not { RoomId.Length: > 0, Actor: { UserId.Length: > 0 } actor, Limit: >= 1 and <= MaxMembers })
        {
            throw RpcErrors.Refuse(ErrorCode.BadRequest, $"room_id and actor are needed, limit is 1 to {MaxMembers}");
        }

        var (lastSeq, may) = await access.CheckAsync(request.RoomId, actor, RoomAction.SeeMembers, cancellationToken);
        var nowMs = access.NowMs;
        var listed = await rooms.ListMembersAsync(
            request.RoomId, request.AfterUserId, withOthers: may(RoomAction.Ban), nowMs, request.Limit, cancellationToken);
        var page = new MembersPage { HasMore = listed.HasMore, Epoch = store.Epoch, Seq = lastSeq };
        foreach (var user in listed.Items)
        {
            page.Members.Add(Listed(user.UserId, user.Username, user.Membership.At(nowMs)));
        }

        return page;
    }

    /// <summary>A user's place in a room.</summary>
    public static ListedMember Listed(string userId, string username, in Membership place) => new()
    {
        UserId = userId,
        Username = username,
        Role = place.Role,
        Muted = place.Muted,
        MutedUntilMs = place.MutedUntilMs,
        Banned = place.Banned,
        BannedUntilMs = place.BannedUntilMs,
        InvitedBy = place.InvitedBy,
    };
}
