using Grpc.Core;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.History;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages;

/// <summary>The gRPC service: reads of room state, answered by any replica from the store.</summary>
internal sealed class MessageGrpc(Snapshots snapshots, HistoryPages pages, IMessageStore store) : MessageService.MessageServiceBase
{
    private const int MaxEvents = 1_000;
    private const int MaxRooms = 1_000;

    public override Task<Snapshot> GetSnapshot(GetSnapshotRequest request, ServerCallContext context) =>
        snapshots.GetAsync(request, context.CancellationToken);

    public override Task<HistoryPage> GetHistory(GetHistoryRequest request, ServerCallContext context) =>
        pages.GetAsync(request, context.CancellationToken);

    public override async Task<GetEventsReply> GetEvents(GetEventsRequest request, ServerCallContext context)
    {
        if (request.FromSeq < 1 || request.Limit is < 0 or > MaxEvents)
        {
            throw RpcErrors.Refuse(ErrorCode.BadRequest, $"from_seq is at least 1, limit 1 to {MaxEvents}");
        }

        var limit = request.Limit == 0 ? MaxEvents : request.Limit;
        var toSeq = request.ToSeq == 0 ? long.MaxValue : request.ToSeq;
        var log = await store.ReadEventsAsync(request.RoomId, request.FromSeq, toSeq, ReadLimit.Of(limit), context.CancellationToken)
            ?? throw RpcErrors.Refuse(ErrorCode.RoomNotFound);
        var reply = new GetEventsReply { Events = new RoomEvents { RoomId = request.RoomId, Epoch = log.Epoch }, LastSeq = log.LastSeq };
        reply.Events.Events.AddRange(log.Events);
        return reply;
    }

    public override async Task<ListRoomsReply> ListRooms(ListRoomsRequest request, ServerCallContext context)
    {
        if (request is not { Actor: { UserId.Length: > 0 } actor, Limit: >= 0 and <= MaxRooms })
        {
            throw RpcErrors.Refuse(ErrorCode.BadRequest, $"actor is needed, limit is 1 to {MaxRooms}");
        }

        var reply = new ListRoomsReply();
        var page = await store.ListRoomsAsync(actor.UserId, request.AfterRoomId, request.Limit == 0 ? MaxRooms : request.Limit, context.CancellationToken);
        reply.HasMore = page.HasMore;
        reply.Rooms.AddRange(page.Rooms.Select(room => new RoomSummary { RoomId = room.RoomId, Epoch = page.Epoch, Seq = room.LastSeq, Role = room.Role }));
        return reply;
    }
}
