using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.History;

/// <summary>One page of a room's messages, before or after a seq: as many as asked for, or as many as fit into one reply.</summary>
internal sealed class HistoryPages(IMessageStore store, TimeProvider time)
{
    private const int MaxLimit = 100;

    public async Task<HistoryPage> GetAsync(GetHistoryRequest request, CancellationToken cancellationToken)
    {
        if (request is not { RoomId.Length: > 0, Actor.UserId.Length: > 0, Limit: >= 1 and <= MaxLimit, BeforeSeq: >= 0, AfterSeq: >= 0 }
            || request is { HasBeforeSeq: true, HasAfterSeq: true })
        {
            throw RpcErrors.Refuse(ErrorCode.BadRequest, $"room_id and actor are needed, limit is 1 to {MaxLimit}, and at most one bound is set");
        }

        var range = request switch
        {
            { HasAfterSeq: true } => HistoryRange.AfterSeq(request.AfterSeq),
            { HasBeforeSeq: true } => HistoryRange.BeforeSeq(request.BeforeSeq),
            _ => HistoryRange.Newest,
        };
        var view = await store.ReadPageAsync(new MemberKey(request.RoomId, request.Actor.UserId), range, ReadLimit.Of(request.Limit), cancellationToken)
            ?? throw RpcErrors.Refuse(ErrorCode.RoomNotFound);
        var refusal = RoomPermissions.Check(request.Actor, view.Head.Kind, view.Reader.At(time.GetUtcNow().ToUnixTimeMilliseconds()), RoomAction.Read);
        if (refusal != ErrorCode.Unspecified)
        {
            throw RpcErrors.Refuse(refusal);
        }

        var page = new HistoryPage { Epoch = view.Epoch, HasMore = view.HasMore };
        page.Messages.AddRange(view.Messages.ShownTo(request.Actor.UserId));
        return page;
    }
}
