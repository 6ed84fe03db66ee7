using System.Globalization;
using System.Text.Json;
using Grpc.Core;
using Microsoft.Extensions.Options;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Verbs;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Doors.Http;

/// <summary><c>/api/sync</c>: an update is pushed, kept, and seen by all who are in sync; who was away pulls. An update is the <c>metadata</c> of a message in one
/// room (<see cref="SyncRoomOptions"/>), which these requests enter by themselves.</summary>
internal static class SyncRoomEndpoints
{
    /// <summary>Content of the message that an update is, and the name by which dialects with named events show it.</summary>
    public const string UpdateName = "sync_update";

    private const string Root = "/api/sync";
    private const int MaxUpdates = 100;

    public static void Map(WebApplication app)
    {
        var api = app.MapGroup(Root).WithMetadata(new HttpGuard());
        api.MapPost("/push", PushAsync)
            .Describe("sync_push", "Keeps an update, and shows it to all who are in the sync room. 201 means that it is durable.")
            .Takes<Dictionary<string, object>>("""{"type":"order","id":7,"state":"shipped"}""")
            .Answers<SentAnswer>(StatusCodes.Status201Created, """
                {"room_id":"sync","message_id":"019ac5f2-8a11-7e02-8a43-5b1c2d3e4f50","seq":42,"epoch":"k3v9x2ab","timestamp":"2026-11-27T09:00:00.000Z","duplicate":false}
                """)
            .TakesKey()
            .Refuses(ErrorCode.InvalidJson, ErrorCode.TooLarge, ErrorCode.Forbidden, ErrorCode.Muted, ErrorCode.Banned, ErrorCode.RoomNotFound, ErrorCode.Overloaded);
        api.MapGet("/pull", PullAsync)
            .WithMetadata(new HttpGuard(Allowance.Free))
            .Describe("sync_pull", "The updates after a position, oldest first, and the position to go on from.")
            .Answers<PullAnswer>(example: """
                {"room_id":"sync","items":[{"id":"019ac5f2-8a11-7e02-8a43-5b1c2d3e4f50","seq":42,"user_id":"ana","username":"Ana","content":"sync_update","created_at":"2026-11-27T09:00:00.000Z","metadata":{"type":"order","id":7,"state":"shipped"}}],"position":"42@k3v9x2ab","reset":false,"has_more":false}
                """)
            .Refuses(ErrorCode.Forbidden, ErrorCode.Banned, ErrorCode.RoomNotFound, ErrorCode.Overloaded);
    }

    /// <returns>201 as of a message that is posted; 400 when the update is no object, 413 when it has more bytes than metadata may.</returns>
    internal static async Task<IResult> PushAsync(
        HttpRequest request, Caller caller, IOptions<SyncRoomOptions> options, HttpCommands commands, RoomWatches rooms, MessageService.MessageServiceClient messages,
        CancellationToken cancellationToken)
    {
        var (update, refused) = await HttpCommands.ReadBodyAsync(request, cancellationToken);
        refused ??= Check(update);
        if (refused is not null)
        {
            return refused;
        }

        var roomId = options.Value.Room;
        byte[] message = [.. """{"content":"""u8, (byte)'"', .. System.Text.Encoding.UTF8.GetBytes(UpdateName), (byte)'"', .. ""","metadata":"""u8, .. update, (byte)'}'];
        var sent = await SendAsync();
        if (sent is not Refused outside || !IsOutside(outside.Code))
        {
            return sent;
        }

        return await EnterAsync(roomId, caller, rooms, cancellationToken) is { } closed ? Refused.Of(closed) : await SendAsync();

        Task<IResult> SendAsync() => MessageEndpoints.SendBodyAsync(roomId, request, message, caller, commands, messages, cancellationToken);
    }

    /// <param name="since">A <c>position</c> of an earlier answer, or a seq; absent: from the beginning.</param>
    /// <param name="caller">Who reads.</param>
    /// <param name="options">Names the room.</param>
    /// <param name="rooms">Enters it.</param>
    /// <param name="messages">Has the updates.</param>
    /// <param name="reads">Tries again while the service is late.</param>
    /// <param name="cancellationToken">The client went.</param>
    /// <returns>200. <c>reset</c> when the position is one of a log that is void: then from the beginning.</returns>
    internal static async Task<IResult> PullAsync(
        string? since, Caller caller, IOptions<SyncRoomOptions> options, RoomWatches rooms, MessageService.MessageServiceClient messages, PatientReads reads,
        CancellationToken cancellationToken)
    {
        if (Parse(since ?? "") is not { } position)
        {
            return new Refused(ErrorCode.BadRequest, "since is a position, as the answer before said it: 42@k3v9x2ab, or a seq: 42");
        }

        var roomId = options.Value.Room;
        HistoryPage page;
        try
        {
            page = await ReadAsync(position.Seq);
        }
        catch (RpcException exception) when (IsOutside(RpcErrors.ToRefusal(exception).Code))
        {
            if (await EnterAsync(roomId, caller, rooms, cancellationToken) is { } closed)
            {
                return Refused.Of(closed);
            }

            page = await ReadAsync(position.Seq);
        }

        var isReset = position.Epoch.Length > 0 && position.Epoch != page.Epoch;
        if (isReset)
        {
            position = new Position();
            page = await ReadAsync(0);
        }

        var items = EventSize.Fit(page.Messages, HttpJson.MaxPageBytes, fromEnd: false);
        var seq = items.Count > 0 ? items[^1].Seq : position.Seq;
        return HttpJson.Ok(json =>
        {
            json.WriteString("room_id"u8, roomId);
            FrameJson.WriteMessages(json, "items"u8, items);
            json.WriteString("position"u8, string.Create(CultureInfo.InvariantCulture, $"{seq}@{page.Epoch}"));
            json.WriteBoolean("reset"u8, isReset);
            json.WriteBoolean("has_more"u8, page.HasMore || items.Count < page.Messages.Count);
        });

        Task<HistoryPage> ReadAsync(long afterSeq)
        {
            var asked = new GetHistoryRequest { RoomId = roomId, Actor = caller.ToActor(roomId), AfterSeq = afterSeq, Limit = MaxUpdates };
            return reads.BeginHistory().ReadAsync(call => messages.GetHistoryAsync(asked, call), cancellationToken);
        }
    }

    /// <returns>Null when it is no position.</returns>
    private static Position? Parse(string text)
    {
        if (text.Length == 0)
        {
            return new Position();
        }

        var at = text.IndexOf('@', StringComparison.Ordinal);
        var (place, epoch) = at < 0 ? (text, "") : (text[..at], text[(at + 1)..]);
        return long.TryParse(place, NumberStyles.None, CultureInfo.InvariantCulture, out var seq) && seq <= PositionFormat.MaxSeq
            && epoch.Length <= PositionFormat.MaxEpochChars && !epoch.Contains('\0', StringComparison.Ordinal)
            ? new Position { Epoch = epoch, Seq = seq }
            : null;
    }

    // Whole before it is put into a message: what follows its end would be other fields.
    private static Refused? Check(byte[] update)
    {
        try
        {
            using var document = JsonDocument.Parse(update, new JsonDocumentOptions { MaxDepth = FrameReader.MaxDepth });
            return document.RootElement.ValueKind == JsonValueKind.Object ? null : new Refused(ErrorCode.BadRequest, "an update must be an object");
        }
        catch (JsonException)
        {
            return new Refused(ErrorCode.InvalidJson);
        }
    }

    private static bool IsOutside(ErrorCode code) => code is ErrorCode.NotMember or ErrorCode.RoomNotFound;

    /// <returns>Why the caller may not enter; null when the caller is in.</returns>
    private static async Task<Refusal?> EnterAsync(string roomId, Caller caller, RoomWatches rooms, CancellationToken cancellationToken)
    {
        var reply = await rooms.EnterAsync(caller, roomId, cancellationToken);
        return reply.Joined is not null ? null : reply.Refused ?? new Refusal { Code = ErrorCode.Internal };
    }
}

/// <summary>Answer of <c>GET /api/sync/pull</c>.</summary>
/// <param name="RoomId">The sync room.</param>
/// <param name="Items">Messages, ascending; the <c>metadata</c> of each is the update.</param>
/// <param name="Position">What to pull with next.</param>
/// <param name="Reset">The position was void: the items are from the beginning.</param>
/// <param name="HasMore">There are more: pull again at once.</param>
internal sealed record PullAnswer(string RoomId, IReadOnlyList<MessageItem> Items, string Position, bool Reset, bool HasMore);
