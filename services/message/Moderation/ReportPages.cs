using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Moderation;

/// <summary>What users reported in a room, the newest first.</summary>
internal sealed class ReportPages(RoomAccess access, IRoomReads rooms, IMessageStore store)
{
    private const int MaxReports = 100; // About 2.5 kB each at most.

    public async Task<ReportsPage> GetAsync(ListReportsRequest request, CancellationToken cancellationToken)
    {
        if (request is not { RoomId.Length: > 0, Actor: { UserId.Length: > 0 } actor, Limit: >= 1 and <= MaxReports, BeforeSeq: >= 0 })
        {
            throw RpcErrors.Refuse(ErrorCode.BadRequest, $"room_id and actor are needed, limit is 1 to {MaxReports}");
        }

        await access.CheckAsync(request.RoomId, actor, RoomAction.ReadReports, cancellationToken);
        var before = request.BeforeSeq == 0 ? long.MaxValue : request.BeforeSeq;
        var listed = await rooms.ListReportsAsync(request.RoomId, before, request.Limit, cancellationToken);
        var page = new ReportsPage { HasMore = listed.HasMore, Epoch = store.Epoch };
        page.Reports.AddRange(listed.Items);
        return page;
    }
}
