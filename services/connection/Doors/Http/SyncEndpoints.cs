using System.Text.Json;
using Grpc.Core;
using Microsoft.AspNetCore.Mvc;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Events;
using Tertulia.Connections.Limits;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Verbs;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Doors.Http;

/// <summary><c>GET /api/v1/sync</c>: what changed in some rooms since the client's positions, at once or as soon as something does. For clients that have no socket.</summary>
internal static class SyncEndpoints
{
    private const int MaxRooms = 50;
    private const int MaxWaitSeconds = 25; // Below what proxies take for silence.
    private const int History = 50; // Of a room of which the client knows nothing.
    private const int MaxBytes = 256 * 1024;

    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/sync", SyncAsync)
        .WithMetadata(new HttpGuard(Allowance.Free))
        .Describe("sync", "What changed in some rooms since the positions that the client holds, as current states; with wait, as soon as something does.")
        .Answers<SyncAnswer>(example: """
            {"rooms":[{"room_id":"lobby","epoch":"k3v9x2ab","seq":42,"recovered":true,"items":[],"has_more":false}],"positions":"lobby:42@k3v9x2ab","has_more":false}
            """)
        .Refuses(ErrorCode.LimitExceeded);

    /// <param name="rooms">Positions: <c>lobby:41,team:7</c>, at most 50; seq 0 without an epoch is a room of which nothing is known.</param>
    /// <param name="epoch">Of positions that name none.</param>
    /// <param name="wait">Seconds, 0 to 25, to wait for a change when there is none.</param>
    /// <param name="caller">Who reads.</param>
    /// <param name="sync">Does it.</param>
    /// <param name="counts">A request that waits is a connection of its user.</param>
    /// <param name="cancellationToken">The client went.</param>
    internal static async Task<IResult> SyncAsync(
        string rooms, string? epoch, int? wait, Caller caller, RoomSync sync, ConnectionCounts counts, CancellationToken cancellationToken)
    {
        if (Positions.Parse(rooms, epoch ?? "", MaxRooms) is not { Count: > 0 } positions || wait is < 0 or > MaxWaitSeconds)
        {
            return new Refused(ErrorCode.BadRequest, $"rooms: {Positions.Rule}, 1 to {MaxRooms}; wait is 0 to {MaxWaitSeconds}");
        }

        if (wait is null or 0)
        {
            return Answer(await sync.ReadAsync(caller, positions, MaxBytes, History, cancellationToken));
        }

        if (!counts.TryAddUser(caller.UserId))
        {
            return new Refused(ErrorCode.LimitExceeded, "too many connections of this user");
        }

        try
        {
            return Answer(await sync.WaitAsync(caller, positions, MaxBytes, History, TimeSpan.FromSeconds(wait.Value), cancellationToken));
        }
        finally
        {
            counts.RemoveUser(caller.UserId);
        }
    }

    private static HttpJson Answer(IReadOnlyList<RoomChanges> rooms) => HttpJson.Ok(json =>
    {
        json.WriteStartArray("rooms"u8);
        foreach (var room in rooms)
        {
            json.WriteStartObject();
            Write(json, room);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteString("positions"u8, Positions.Write(rooms.Where(room => room.Refusal is null).Select(room => KeyValuePair.Create(room.RoomId, room.Position))));
        json.WriteBoolean("has_more"u8, rooms.Any(room => room.HasMore));
    });

    private static void Write(Utf8JsonWriter json, RoomChanges room)
    {
        json.WriteString("room_id"u8, room.RoomId);
        if (room.Refusal is { } refusal)
        {
            var entry = ErrorCatalog.Of(refusal.Code);
            json.WriteStartObject("error"u8);
            json.WriteNumber("code"u8, (int)entry.Code);
            json.WriteString("name"u8, entry.Name);
            json.WriteString("message"u8, refusal.Detail.Length > 0 ? refusal.Detail : entry.Message);
            json.WriteBoolean("temporary"u8, entry.Temporary);
            json.WriteEndObject();
            return;
        }

        json.WriteString("epoch"u8, room.Position.Epoch);
        json.WriteNumber("seq"u8, room.Position.Seq);
        json.WriteBoolean("recovered"u8, room.IsRecovered);
        if (room.State is { } state)
        {
            RoomFrames.WriteState(json, state, room.Changes);
        }

        FrameJson.WriteMessages(json, "items"u8, room.Items);
        if (room.Gap is { } gap)
        {
            json.WriteStartObject("gap"u8);
            json.WriteNumber("from_seq"u8, gap.FromSeq);
            json.WriteNumber("to_seq"u8, gap.ToSeq);
            json.WriteEndObject();
        }

        json.WriteBoolean("has_more"u8, room.HasMore);
    }
}

/// <summary>What changed in one room.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="Position">Up to which the client knows the room now.</param>
/// <param name="IsRecovered">The items are all that changed since the client's position; else the newest page, and what the client knew is void or has a gap.</param>
/// <param name="Items">Current states; ascending by the seq of the last change when recovered, else by seq.</param>
/// <param name="Gap">What lies between the client's position and the page; null when nothing.</param>
/// <param name="HasMore">There is more: ask again from the position.</param>
/// <param name="Refusal">Why the room is not told; null when it is.</param>
/// <param name="State">Its settings and the caller's place; null when it is not told.</param>
internal sealed record RoomChanges(
    string RoomId, Position Position, bool IsRecovered, IReadOnlyList<Message> Items, Gap? Gap, bool HasMore, Refusal? Refusal = null, Snapshot? State = null)
{
    /// <summary>What else changed since the client's position, when it is recovered.</summary>
    public IReadOnlyList<RoomEvent> Changes { get; init; } = [];

    /// <summary>The client learns something from it.</summary>
    public bool IsNews(Position asked) =>
        Refusal is not null || !IsRecovered || Items.Count > 0 || Changes.Count > 0 || HasMore || Position.Epoch != asked.Epoch;

    /// <summary>Of the items and changes, about.</summary>
    public int Bytes => Items.Sum(EventSize.Of) + Changes.Sum(EventSize.Of);
}

/// <summary>Reads what changed in rooms, and waits for it.</summary>
internal sealed class RoomSync(
    MessageService.MessageServiceClient messages, PatientReads reads, RoomWatches watches, IHostApplicationLifetime lifetime, TimeProvider time)
{
    private static readonly TimeSpan LeastWait = TimeSpan.FromMilliseconds(50); // Entries that clients are not told (reports) wake a wait, too.

    /// <summary>What changed, room by room, until the answer is full.</summary>
    /// <param name="caller">Who reads.</param>
    /// <param name="positions">From where. A seq without an epoch is taken as one of the present epoch.</param>
    /// <param name="maxBytes">Of the items, about.</param>
    /// <param name="history">Messages of a room of which the client knows nothing.</param>
    /// <param name="cancellationToken">The client went.</param>
    public async Task<IReadOnlyList<RoomChanges>> ReadAsync(
        Caller caller, IReadOnlyList<(string RoomId, Position Position)> positions, int maxBytes, int history, CancellationToken cancellationToken)
    {
        var rooms = new List<RoomChanges>();
        foreach (var (roomId, position) in positions)
        {
            rooms.Add(maxBytes > 0
                ? await ReadOneAsync(caller, roomId, position, maxBytes, history, cancellationToken)
                : new RoomChanges(roomId, position, IsRecovered: true, [], Gap: null, HasMore: true));
            maxBytes -= rooms[^1].Bytes;
        }

        return rooms;
    }

    /// <summary>The same, as soon as there is something, or when the time is over or the process stops.</summary>
    public async Task<IReadOnlyList<RoomChanges>> WaitAsync(
        Caller caller, IReadOnlyList<(string RoomId, Position Position)> positions, int maxBytes, int history, TimeSpan wait, CancellationToken cancellationToken)
    {
        var begun = time.GetTimestamp();
        var rooms = await ReadAsync(caller, positions, maxBytes, history, cancellationToken);
        while (!HasNews(rooms, positions) && time.GetElapsedTime(begun) < wait && !lifetime.ApplicationStopping.IsCancellationRequested)
        {
            // Subscribed first and then read: what is not in the answer wakes the watch.
            await using var watch = await watches.BeginAsync([.. rooms.Select(room => room.RoomId)], cancellationToken);
            rooms = await ReadAsync(caller, positions, maxBytes, history, cancellationToken);
            if (HasNews(rooms, positions))
            {
                break;
            }

            using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, lifetime.ApplicationStopping);
            var left = wait - time.GetElapsedTime(begun);
            await watch.WhenChangedAsync().WaitAsync(left > LeastWait ? left : LeastWait, time, over.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellationToken.ThrowIfCancellationRequested();
            if (caller.Revocations?.Revokes(caller) == true)
            {
                throw RpcErrors.Refuse(ErrorCode.TokenRevoked); // While it waited: nothing that happened since is told.
            }

            rooms = await ReadAsync(caller, positions, maxBytes, history, cancellationToken);
        }

        return rooms;
    }

    private static bool HasNews(IReadOnlyList<RoomChanges> rooms, IReadOnlyList<(string RoomId, Position Position)> positions) =>
        rooms.Where((room, index) => room.IsNews(positions[index].Position)).Any();

    private async Task<RoomChanges> ReadOneAsync(
        Caller caller, string roomId, Position position, int maxBytes, int history, CancellationToken cancellationToken)
    {
        try
        {
            var known = position;
            if (position is { Epoch: "", Seq: > 0 })
            {
                var head = await SnapshotAsync(caller, roomId, since: null, history: 0, cancellationToken);
                known = new Position { Epoch = head.Epoch, Seq = position.Seq };
            }

            var snapshot = await SnapshotAsync(caller, roomId, known.Epoch.Length > 0 ? known : null, history, cancellationToken);
            var shown = new RoomView(roomId, snapshot, [], 0).Fit(ServerEvent.MaxBytes - maxBytes);
            return new RoomChanges(
                roomId, new Position { Epoch = snapshot.Epoch, Seq = shown.Seq }, snapshot.Recovered, shown.History, GapOf(snapshot, shown.History),
                snapshot.HasMore || (snapshot.Recovered && shown.Seq < snapshot.Seq), State: snapshot) { Changes = shown.Changes };
        }
        catch (RpcException exception) when (!cancellationToken.IsCancellationRequested)
        {
            return new RoomChanges(roomId, position, IsRecovered: false, [], Gap: null, HasMore: false, RpcErrors.ToRefusal(exception));
        }
    }

    // The gap ends where what is shown begins.
    private static Gap? GapOf(Snapshot snapshot, IReadOnlyList<Message> items) => snapshot.Gap is null || items.Count == snapshot.Messages.Count || items.Count == 0
        ? snapshot.Gap
        : new Gap { FromSeq = snapshot.Gap.FromSeq, ToSeq = items[0].Seq - 1 };

    private async Task<Snapshot> SnapshotAsync(Caller caller, string roomId, Position? since, int history, CancellationToken cancellationToken)
    {
        var asked = new GetSnapshotRequest { RoomId = roomId, Actor = caller.ToActor(roomId), Since = since, History = history };
        return await reads.BeginHistory().ReadAsync(options => messages.GetSnapshotAsync(asked, options), cancellationToken);
    }
}

/// <summary>Answer of <c>GET sync</c>.</summary>
/// <param name="Rooms">In the order in which they were asked for.</param>
/// <param name="Positions">What to ask with next.</param>
/// <param name="HasMore">Some room has more: ask again at once.</param>
internal sealed record SyncAnswer(IReadOnlyList<SyncRoom> Rooms, string Positions, bool HasMore);

/// <summary>A room in the answer of <c>GET sync</c>.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="Epoch">Of the seq.</param>
/// <param name="Seq">The client's position now.</param>
/// <param name="Recovered">The items are all that changed since the position that was sent; else the newest page.</param>
/// <param name="Items">Messages in their current state.</param>
/// <param name="Settings">As of <c>joined</c>.</param>
/// <param name="Me">As of <c>joined</c>.</param>
/// <param name="MemberChanges">As of <c>joined</c>.</param>
/// <param name="Gap">What is between the position and the page: page the history.</param>
/// <param name="HasMore">Ask again from the position.</param>
/// <param name="Error">Why the room is not told; then nothing else is there.</param>
internal sealed record SyncRoom(
    string RoomId, string? Epoch, long? Seq, bool? Recovered, IReadOnlyList<MessageItem>? Items, RoomSettingsItem? Settings, OwnPlace? Me,
    IReadOnlyList<ChangedMember>? MemberChanges, SyncGap? Gap, bool? HasMore, SyncError? Error);

/// <summary>Seqs that were left out.</summary>
/// <param name="FromSeq">The first.</param>
/// <param name="ToSeq">The last.</param>
internal sealed record SyncGap(long FromSeq, long ToSeq);

/// <summary>Why a room is not told.</summary>
/// <param name="Code">As in an <c>error</c> frame.</param>
/// <param name="Name">As in an <c>error</c> frame.</param>
/// <param name="Message">A sentence.</param>
/// <param name="Temporary">Trying again later can succeed.</param>
internal sealed record SyncError(int Code, string Name, string Message, bool Temporary);
