using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Members;

/// <summary>A room's members, by user id.</summary>
internal sealed class MemberPages(RoomAccess access, IRoomReads rooms)
{
    private const int MaxMembers = 200;

    public async Task<MembersPage> GetAsync(ListMembersRequest request, CancellationToken cancellationToken)
    {
        if (request is not { RoomId.Length: > 0, Actor: { UserId.Length: > 0 } actor, Limit: >= 1 and <= MaxMembers })
        {
            throw RpcErrors.Refuse(ErrorCode.BadRequest, $"room_id and actor are needed, limit is 1 to {MaxMembers}");
        }

        var may = await access.CheckAsync(request.RoomId, actor, RoomAction.SeeMembers, cancellationToken);
        var nowMs = access.NowMs;
        var listed = await rooms.ListMembersAsync(
            request.RoomId, request.AfterUserId, withOthers: may(RoomAction.Ban), nowMs, request.Limit, cancellationToken);
        var page = new MembersPage { HasMore = listed.HasMore };
        foreach (var user in listed.Items)
        {
            var place = user.Membership.At(nowMs);
            page.Members.Add(new ListedMember
            {
                UserId = user.UserId,
                Username = user.Username,
                Role = place.Role,
                Muted = place.Muted,
                MutedUntilMs = place.MutedUntilMs,
                Banned = place.Banned,
                BannedUntilMs = place.BannedUntilMs,
                InvitedBy = place.InvitedBy,
            });
        }

        return page;
    }
}
