using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Rooms;

/// <summary>The communities of a user: those of whose rooms the user is a member.</summary>
internal sealed class CommunityPages(IMessageStore store, IReadMarks marks, IRoomLists lists, TimeProvider time)
{
    private const int MaxLimit = 100;
    private const int PageSize = 1_000;
    private const int MaxIdChars = 128;
    private const string AfterAllRooms = "~"; // Room ids have no character that is larger.

    public async Task<CommunitiesPage> GetAsync(ListCommunitiesRequest request, CancellationToken cancellationToken)
    {
        if (request is not { Actor: { UserId.Length: > 0 } actor, Limit: >= 1 and <= MaxLimit, After.Length: <= MaxIdChars } || request.After.Contains('\0'))
        {
            throw RpcErrors.Refuse(ErrorCode.BadRequest, $"actor is needed, limit is 1 to {MaxLimit}");
        }

        var (page, readable) = (new CommunitiesPage(), ReadableRooms.Of(request.Scope));
        var after = new RoomChannel(request.After, request.After.Length > 0 ? AfterAllRooms : "");
        Listed<RoomChannel> listed;
        do
        {
            listed = await lists.ListUserChannelsAsync(actor.UserId, after, PageSize, cancellationToken);
            RoomChannel[] channels = [.. listed.Items.Where(channel => readable.Has(channel.RoomId))];
            var states = await marks.ReadAsync([.. channels.Select(channel => new MemberKey(channel.RoomId, actor.UserId))], cancellationToken);
            foreach (var channel in channels)
            {
                if (page.Communities is not [.., var last] || last.CommunityId != channel.Community)
                {
                    if (page.Communities.Count == request.Limit)
                    {
                        page.HasMore = true;
                        break;
                    }

                    page.Communities.Add(last = new Community { CommunityId = channel.Community });
                }

                last.Rooms++;
                last.Unread += states.GetValueOrDefault(new MemberKey(channel.RoomId, actor.UserId)).Unread;
            }

            after = listed.Items is [.., var end] ? end : after;
        }
        while (listed.HasMore && !page.HasMore);
        await AddMainRoomsAsync(page, actor, readable, cancellationToken);
        return page;
    }

    private async Task AddMainRoomsAsync(CommunitiesPage page, Actor actor, ReadableRooms readable, CancellationToken cancellationToken)
    {
        string[] ids = [.. page.Communities.Select(community => community.CommunityId).Where(readable.Has)];
        if (ids.Length == 0)
        {
            return;
        }

        var nowMs = time.GetUtcNow().ToUnixTimeMilliseconds();
        var loaded = await store.LoadAsync(ids, [.. ids.Select(id => new MemberKey(id, actor.UserId))], cancellationToken);
        foreach (var community in page.Communities)
        {
            var place = loaded.Members.GetValueOrDefault(new MemberKey(community.CommunityId, actor.UserId), Membership.None).At(nowMs);
            if (Communities.MainOf(community.CommunityId, loaded.Rooms) is { } main && Communities.CheckSees(actor, main, place) == ErrorCode.Unspecified)
            {
                (community.Settings, community.Role) = (main.Settings, place.Role);
            }
        }
    }
}
