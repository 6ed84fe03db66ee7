using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Rooms;

/// <summary>Whether a user may read something of a room.</summary>
internal sealed class RoomAccess(IMessageStore store, TimeProvider time)
{
    public long NowMs => time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>Refuses the call of who may not.</summary>
    /// <returns>The room's last seq, and what else the user may do there.</returns>
    public async Task<(long LastSeq, Func<RoomAction, bool> May)> CheckAsync(string roomId, Actor actor, RoomAction action, CancellationToken cancellationToken)
    {
        var key = new MemberKey(roomId, actor.UserId);
        var loaded = await store.LoadAsync([roomId], [key], cancellationToken);
        if (!loaded.Rooms.TryGetValue(roomId, out var head) || head.IsDeleted)
        {
            throw RpcErrors.Refuse(ErrorCode.RoomNotFound);
        }

        var membership = loaded.Members.GetValueOrDefault(key, Membership.None).At(NowMs);
        var refusal = Check(action);
        return refusal == ErrorCode.Unspecified ? (head.LastSeq, other => Check(other) == ErrorCode.Unspecified) : throw RpcErrors.Refuse(refusal);

        ErrorCode Check(RoomAction what) => RoomPermissions.Check(actor, head.Kind, membership, what, head.Settings is { Archived: true });
    }
}
