using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.History;

/// <summary>One page of a room's messages, before or after a seq.</summary>
internal sealed class HistoryPages(IMessageStore store)
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
        var view = await store.ReadPageAsync(new MemberKey(request.RoomId, request.Actor.UserId), range, request.Limit + 1, cancellationToken)
            ?? throw RpcErrors.Refuse(ErrorCode.RoomNotFound);
        var refusal = RoomRules.MayRead(request.Actor, view.Reader);
        if (refusal != ErrorCode.Unspecified)
        {
            throw RpcErrors.Refuse(refusal);
        }

        return ToPage(view.Messages, range, request.Limit);
    }

    // One more than asked for was read: it says whether there are more, at the far end of the page.
    private HistoryPage ToPage(List<Message> messages, HistoryRange range, int limit)
    {
        var page = new HistoryPage { Epoch = store.Epoch, HasMore = messages.Count > limit };
        if (page.HasMore)
        {
            messages.RemoveAt(range.After ? limit : 0);
        }

        page.Messages.AddRange(messages);
        return page;
    }
}
