using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.History;

/// <summary>One message by its id, for callers that do not know its room.</summary>
internal sealed class OneMessage(IMessageStore store, TimeProvider time)
{
    private const int MaxIdChars = 64;

    /// <returns>The message where the actor may read it; without an actor only where it is.</returns>
    public async Task<GetMessageReply> GetAsync(GetMessageRequest request, CancellationToken cancellationToken)
    {
        if (request.MessageId is not { Length: > 0 and <= MaxIdChars } id || id.Contains('\0') || request.Actor is { UserId.Length: 0 })
        {
            throw RpcErrors.Refuse(ErrorCode.BadRequest, $"message_id has 1 to {MaxIdChars} characters, an actor has an id");
        }

        if (await store.FindMessagesAsync([id], cancellationToken) is not [var found, ..])
        {
            throw RpcErrors.Refuse(ErrorCode.MessageNotFound);
        }

        var reply = new GetMessageReply { RoomId = found.RoomId, Epoch = store.Epoch };
        if (request.Actor is { } actor)
        {
            await CheckAsync(actor, found.RoomId, cancellationToken);
            reply.Message = found.Message.ShownTo(actor.UserId);
        }

        return reply;
    }

    // Not `forbidden`: that would say that there is such a message.
    private async Task CheckAsync(Actor actor, string roomId, CancellationToken cancellationToken)
    {
        var key = new MemberKey(roomId, actor.UserId);
        var loaded = await store.LoadAsync([roomId], [key], cancellationToken);
        var room = loaded.Rooms.GetValueOrDefault(roomId);
        var (kind, membership) = (room.Kind ?? "", loaded.Members.GetValueOrDefault(key, Membership.None).At(time.GetUtcNow().ToUnixTimeMilliseconds()));
        if (room.IsDeleted || RoomPermissions.Check(actor, kind, membership, RoomAction.Read) != ErrorCode.Unspecified)
        {
            throw RpcErrors.Refuse(ErrorCode.MessageNotFound);
        }
    }
}
