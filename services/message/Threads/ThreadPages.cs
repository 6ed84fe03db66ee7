using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.History;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Threads;

/// <summary>A message and a page of the replies to it.</summary>
internal sealed class ThreadPages(IMessageStore store, TimeProvider time)
{
    private const int MaxLimit = 100;
    private const int MaxIdChars = 64;

    public async Task<ThreadPage> GetAsync(GetThreadRequest request, CancellationToken cancellationToken)
    {
        if (request is not { RoomId.Length: > 0, Actor.UserId.Length: > 0, RootId.Length: > 0 and <= MaxIdChars, Limit: >= 1 and <= MaxLimit, BeforeSeq: >= 0, AfterSeq: >= 0 }
            || request is { HasBeforeSeq: true, HasAfterSeq: true } || request.RootId.Contains('\0'))
        {
            throw RpcErrors.Refuse(ErrorCode.BadRequest, $"room_id, actor and root_id are needed, limit is 1 to {MaxLimit}, and at most one bound is set");
        }

        var range = request switch
        {
            { HasAfterSeq: true } => HistoryRange.AfterSeq(request.AfterSeq),
            { HasBeforeSeq: true } => HistoryRange.BeforeSeq(request.BeforeSeq),
            _ => HistoryRange.Newest,
        };
        var root = await FindRootAsync(request.RoomId, request.RootId, cancellationToken);
        var view = await store.ReadThreadAsync(
            new MemberKey(request.RoomId, request.Actor.UserId), root?.Seq ?? 0, range, ReadLimit.Of(request.Limit), cancellationToken)
            ?? throw RpcErrors.Refuse(ErrorCode.RoomNotFound);
        var refusal = RoomPermissions.Check(request.Actor, view.Head.Kind, view.Reader.At(time.GetUtcNow().ToUnixTimeMilliseconds()), RoomAction.Read);
        if (refusal != ErrorCode.Unspecified || root is null)
        {
            throw RpcErrors.Refuse(refusal != ErrorCode.Unspecified ? refusal : ErrorCode.MessageNotFound);
        }

        var page = new ThreadPage { Epoch = view.Epoch, HasMore = view.HasMore, Root = root.ShownTo(request.Actor.UserId) };
        page.Messages.AddRange(view.Messages.ShownTo(request.Actor.UserId));
        return page;
    }

    // The thread of a reply is that of its root.
    private async Task<Message?> FindRootAsync(string roomId, string messageId, CancellationToken cancellationToken)
    {
        var message = await FindAsync(roomId, messageId, cancellationToken);
        return message is { ThreadRoot.Length: > 0 } ? await FindAsync(roomId, message.ThreadRoot, cancellationToken) : message;
    }

    private async Task<Message?> FindAsync(string roomId, string messageId, CancellationToken cancellationToken)
    {
        foreach (var found in await store.FindMessagesAsync([messageId], cancellationToken))
        {
            if (found.RoomId == roomId)
            {
                return found.Message;
            }
        }

        return null;
    }
}
