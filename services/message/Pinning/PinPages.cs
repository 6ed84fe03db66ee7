using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.History;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Pinning;

/// <summary>A room's pinned messages, those first that were pinned last.</summary>
internal sealed class PinPages(IMessageStore store, TimeProvider time)
{
    public async Task<PinsPage> GetAsync(GetPinsRequest request, CancellationToken cancellationToken)
    {
        if (request is not { RoomId.Length: > 0, Actor.UserId.Length: > 0, Limit: >= 1 and <= PinVerb.MaxPins, BeforePinnedSeq: >= 0 })
        {
            throw RpcErrors.Refuse(ErrorCode.BadRequest, $"room_id and actor are needed, limit is 1 to {PinVerb.MaxPins}");
        }

        var before = request.BeforePinnedSeq == 0 ? long.MaxValue : request.BeforePinnedSeq;
        var view = await store.ReadPinsAsync(new MemberKey(request.RoomId, request.Actor.UserId), before, ReadLimit.Of(request.Limit), cancellationToken)
            ?? throw RpcErrors.Refuse(ErrorCode.RoomNotFound);
        var refusal = RoomPermissions.Check(request.Actor, view.Head.Kind, view.Reader.At(time.GetUtcNow().ToUnixTimeMilliseconds()), RoomAction.Read);
        if (refusal != ErrorCode.Unspecified)
        {
            throw RpcErrors.Refuse(refusal);
        }

        var page = new PinsPage { Epoch = view.Epoch, HasMore = view.HasMore };
        page.Messages.AddRange(view.Messages.ShownTo(request.Actor.UserId));
        return page;
    }
}
