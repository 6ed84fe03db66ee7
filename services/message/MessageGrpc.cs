using Grpc.Core;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.History;
using Tertulia.Messages.Members;
using Tertulia.Messages.Moderation;
using Tertulia.Messages.Pinning;
using Tertulia.Messages.Reading;
using Tertulia.Messages.Searching;
using Tertulia.Messages.Storage;
using Tertulia.Messages.Threads;

namespace Tertulia.Messages;

/// <summary>The gRPC service: reads of room state, answered by any replica from the store.</summary>
internal sealed class MessageGrpc(
    ReadGate gate, Snapshots snapshots, HistoryPages pages, ThreadPages threads, PinPages pins, OneMessage one, UnreadCounts unread, MessageSearch search,
    MemberPages members, ReportPages reports, IMessageStore store) : MessageService.MessageServiceBase
{
    private const int MaxEvents = 1_000;
    private const int MaxRooms = 1_000; // About 150 bytes each.

    // The caller's token ends its waiting, never a command of the store.
    public override Task<Snapshot> GetSnapshot(GetSnapshotRequest request, ServerCallContext context) =>
        gate.RunAsync(async () => await unread.AddToAsync(await snapshots.GetAsync(request, CancellationToken.None), request), context.CancellationToken);

    public override Task<HistoryPage> GetHistory(GetHistoryRequest request, ServerCallContext context) =>
        gate.RunAsync(() => pages.GetAsync(request, CancellationToken.None), context.CancellationToken);

    public override Task<GetMessageReply> GetMessage(GetMessageRequest request, ServerCallContext context) =>
        gate.RunAsync(() => one.GetAsync(request, CancellationToken.None), context.CancellationToken);

    public override Task<ThreadPage> GetThread(GetThreadRequest request, ServerCallContext context) =>
        gate.RunAsync(() => threads.GetAsync(request, CancellationToken.None), context.CancellationToken);

    public override Task<PinsPage> GetPins(GetPinsRequest request, ServerCallContext context) =>
        gate.RunAsync(() => pins.GetAsync(request, CancellationToken.None), context.CancellationToken);

    public override Task<MembersPage> ListMembers(ListMembersRequest request, ServerCallContext context) =>
        gate.RunAsync(() => members.GetAsync(request, CancellationToken.None), context.CancellationToken);

    public override Task<ReportsPage> ListReports(ListReportsRequest request, ServerCallContext context) =>
        gate.RunAsync(() => reports.GetAsync(request, CancellationToken.None), context.CancellationToken);

    public override Task<SearchReply> Search(SearchRequest request, ServerCallContext context) =>
        gate.RunAsync(() => search.FindAsync(request, CancellationToken.None), context.CancellationToken);

    public override async Task<GetEventsReply> GetEvents(GetEventsRequest request, ServerCallContext context)
    {
        if (request.FromSeq < 1 || request.Limit is < 1 or > MaxEvents)
        {
            throw RpcErrors.Refuse(ErrorCode.BadRequest, $"from_seq is at least 1, limit 1 to {MaxEvents}");
        }

        var limit = ReadLimit.Of(request.Limit);
        var toSeq = request.ToSeq == 0 ? long.MaxValue : request.ToSeq;
        var log = await gate.RunAsync(
            () => store.ReadEventsAsync(request.RoomId, request.FromSeq, toSeq, limit, CancellationToken.None), context.CancellationToken)
            ?? throw RpcErrors.Refuse(ErrorCode.RoomNotFound);
        var reply = new GetEventsReply
        {
            Events = new RoomEvents { RoomId = request.RoomId, Epoch = log.Epoch },
            LastSeq = log.LastSeq,
            CoveredToSeq = log.Events is [.., var last] ? last.Seq : request.FromSeq - 1, // A room's log has no gaps.
        };
        reply.Events.Events.AddRange(log.Events);
        return reply;
    }

    public override async Task<ListRoomsReply> ListRooms(ListRoomsRequest request, ServerCallContext context)
    {
        if (request is not { Actor: { UserId.Length: > 0 } actor, Limit: >= 0 and <= MaxRooms })
        {
            throw RpcErrors.Refuse(ErrorCode.BadRequest, $"actor is needed, limit is 0 (as many as go) to {MaxRooms}");
        }

        var limit = request.Limit == 0 ? MaxRooms : request.Limit;
        return await gate.RunAsync(async () =>
        {
            var page = await store.ListRoomsAsync(actor.UserId, request.AfterRoomId, limit, CancellationToken.None);
            var reply = new ListRoomsReply { HasMore = page.HasMore };
            foreach (var room in page.Rooms)
            {
                reply.Rooms.Add(new RoomSummary { RoomId = room.RoomId, Epoch = page.Epoch, Seq = room.LastSeq, Role = room.Role });
            }

            return await unread.AddToAsync(reply, page, request);
        }, context.CancellationToken);
    }
}
