using Grpc.Core;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.History;
using Tertulia.Messages.Members;
using Tertulia.Messages.Moderation;
using Tertulia.Messages.Pinning;
using Tertulia.Messages.Reading;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Searching;
using Tertulia.Messages.Storage;
using Tertulia.Messages.Threads;

namespace Tertulia.Messages;

/// <summary>The gRPC service: reads of room state, answered by any replica from the store.</summary>
internal sealed class MessageGrpc(
    ReadGate gate, Snapshots snapshots, HistoryPages pages, ThreadPages threads, PinPages pins, OneMessage one, UnreadCounts unread, MessageSearch search,
    MemberPages members, ReportPages reports, RoomPages rooms, RoomDetailPages details, CommunityPages communities,
    IMessageStore store) : MessageService.MessageServiceBase
{
    private const int MaxEvents = 1_000;

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

    public override Task<ListRoomsReply> ListRooms(ListRoomsRequest request, ServerCallContext context) =>
        gate.RunAsync(() => rooms.GetAsync(request, CancellationToken.None), context.CancellationToken);

    public override Task<RoomDetailsPage> ListRoomDetails(ListRoomDetailsRequest request, ServerCallContext context) =>
        gate.RunAsync(() => details.GetAsync(request, CancellationToken.None), context.CancellationToken);

    public override Task<RoomDetails> DescribeRoom(DescribeRoomRequest request, ServerCallContext context) =>
        gate.RunAsync(() => details.GetAsync(request, CancellationToken.None), context.CancellationToken);

    public override Task<CommunitiesPage> ListCommunities(ListCommunitiesRequest request, ServerCallContext context) =>
        gate.RunAsync(() => communities.GetAsync(request, CancellationToken.None), context.CancellationToken);
}
