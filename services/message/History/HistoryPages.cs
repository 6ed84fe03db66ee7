using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.History;

/// <summary>One page of a room's messages, before or after a seq: as many as asked for, or as many as fit into one reply.</summary>
internal sealed class HistoryPages(IMessageStore store, RecentRooms recent, TimeProvider time)
{
    private const int MaxLimit = 100;
    private const int MaxIdChars = 64;

    public async Task<HistoryPage> GetAsync(GetHistoryRequest request, CancellationToken cancellationToken)
    {
        if (request is not { RoomId.Length: > 0, Actor.UserId.Length: > 0, Limit: >= 1 and <= MaxLimit, BeforeSeq: >= 0, AfterSeq: >= 0 }
            || request is { HasBeforeSeq: true, HasAfterSeq: true }
            || request is { AroundMessageId.Length: > 0 } and ({ HasBeforeSeq: true } or { HasAfterSeq: true }))
        {
            throw RpcErrors.Refuse(ErrorCode.BadRequest, $"room_id and actor are needed, limit is 1 to {MaxLimit}, and at most one bound is set");
        }

        if (request.AroundMessageId.Length > 0)
        {
            return await AroundAsync(request, cancellationToken);
        }

        var range = request switch
        {
            { HasAfterSeq: true } => HistoryRange.AfterSeq(request.AfterSeq),
            { HasBeforeSeq: true } => HistoryRange.BeforeSeq(request.BeforeSeq),
            _ => HistoryRange.Newest,
        };
        var view = await ReadAsync(request, range, ReadLimit.Of(request.Limit), cancellationToken);
        var page = new HistoryPage { Epoch = view.Epoch, HasMore = view.HasMore };
        page.Messages.AddRange(view.Messages.ShownTo(request.Actor.UserId));
        return page;
    }

    // Two reads, which meet at the message: what is written between them comes after it, and is in the second.
    private async Task<HistoryPage> AroundAsync(GetHistoryRequest request, CancellationToken cancellationToken)
    {
        var id = request.AroundMessageId;
        if (id.Length > MaxIdChars || id.Contains('\0'))
        {
            throw RpcErrors.Refuse(ErrorCode.BadRequest, $"around_message_id has at most {MaxIdChars} characters");
        }

        var older = request.Limit / 2;
        var found = (await store.FindMessagesAsync([id], cancellationToken)).FirstOrDefault(message => message.RoomId == request.RoomId);
        var seq = found.Message?.Seq ?? 0;
        var half = ReadLimit.Of(Math.Max(older, 1));
        var before = await ReadAsync(request, HistoryRange.BeforeSeq(seq), half with { Bytes = half.Bytes / 2 }, cancellationToken); // First of all, who may read.
        if (seq == 0)
        {
            throw RpcErrors.Refuse(ErrorCode.MessageNotFound);
        }

        var rest = ReadLimit.Of(request.Limit - older);
        var after = await ReadAsync(request, HistoryRange.AfterSeq(seq - 1), rest with { Bytes = rest.Bytes / 2 }, cancellationToken);
        var messages = older == 0 ? [] : before.Messages;
        var page = new HistoryPage
        {
            Epoch = after.Epoch,
            AroundSeq = seq,
            HasMoreBefore = before.HasMore || messages.Count < before.Messages.Count,
            HasMoreAfter = after.HasMore,
        };
        page.HasMore = page.HasMoreBefore || page.HasMoreAfter;
        page.Messages.AddRange(messages.Concat(after.Messages).ShownTo(request.Actor.UserId));
        return page;
    }

    private async Task<RoomView> ReadAsync(GetHistoryRequest request, HistoryRange range, ReadLimit limit, CancellationToken cancellationToken)
    {
        var reader = new MemberKey(request.RoomId, request.Actor.UserId);
        var read = range == HistoryRange.Newest ? recent.ReadNewestAsync(reader, limit.Count) : store.ReadPageAsync(reader, range, limit, cancellationToken);
        var view = await read
            ?? throw RpcErrors.Refuse(ErrorCode.RoomNotFound);
        var refusal = RoomPermissions.Check(request.Actor, view.Head.Kind, view.Reader.At(time.GetUtcNow().ToUnixTimeMilliseconds()), RoomAction.Read);
        return refusal == ErrorCode.Unspecified ? view : throw RpcErrors.Refuse(refusal);
    }
}
