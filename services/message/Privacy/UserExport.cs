using System.Globalization;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Privacy;

/// <summary>What this service knows of a user, page by page: room by room the place and what the user wrote and did, then what was done to the user.</summary>
internal sealed class UserExport(MessageDatabase database, IMessageStore store, IReadMarks marks, IAuditLog audit)
{

    private const int RoomsAtOnce = 500;
    private const int MaxRecords = 100;
    private static readonly ReadLimit Limit = new(Count: 200, Bytes: 512 * 1024);

    // A place is one of: the room after which the next one is looked for, a room and the key after which its entries go on, a record of the audit log.
    private const char Room = 'r';
    private const char Entry = 'e';
    private const char Record = 'a';

    private IUserData Data => database.UserData;

    public Task<ExportUserReply> PageAsync(ExportUserRequest request, CancellationToken cancellationToken) => request.After switch
    {
        "" => RoomAsync(request.UserId, "", cancellationToken),
        [Room, .. var roomId] => RoomAsync(request.UserId, roomId, cancellationToken),
        [Entry, .. var place] when place.IndexOf('\n', StringComparison.Ordinal) is > 0 and var end =>
            EntriesAsync(request.UserId, place[..end], place[(end + 1)..], cancellationToken),
        [Record, .. var place] => RecordsAsync(request.UserId, place, cancellationToken),
        _ => throw RpcErrors.Refuse(ErrorCode.BadRequest, "after is the next of a page"),
    };

    private async Task<ExportUserReply> RoomAsync(string userId, string after, CancellationToken cancellationToken)
    {
        var page = await Data.ListRoomsAsync(after, RoomsAtOnce, cancellationToken);
        if ((page.Items.Count > 0 ? await Data.FindRoomsAsync(userId, page.Items, cancellationToken) : []) is not [var room, ..])
        {
            return new ExportUserReply { Next = page.HasMore ? $"{Room}{page.Items[^1]}" : $"{Record}" };
        }

        var key = new MemberKey(room.RoomId, userId);
        var reply = new ExportUserReply { Next = $"{Entry}{room.RoomId}\n" };
        if ((await store.LoadAsync([room.RoomId], [key], cancellationToken)).Members.TryGetValue(key, out var place))
        {
            var read = (await marks.ReadAsync([key], cancellationToken)).GetValueOrDefault(key);
            reply.Items.Add(new ExportedItem
            {
                RoomId = room.RoomId,
                Place = new ExportedPlace
                {
                    ReadSeq = read.Seq,
                    Member = new ListedMember
                    {
                        UserId = userId, Role = place.Role, Banned = place.Banned, BannedUntilMs = place.BannedUntilMs, Muted = place.Muted,
                        MutedUntilMs = place.MutedUntilMs, InvitedBy = place.InvitedBy,
                    },
                },
            });
        }

        return reply;
    }

    private async Task<ExportUserReply> EntriesAsync(string userId, string roomId, string after, CancellationToken cancellationToken)
    {
        var page = await Data.ListEntriesAsync(roomId, userId, after, Limit, cancellationToken);
        var reply = new ExportUserReply { Next = page.HasMore ? $"{Entry}{roomId}\n{page.Items[^1].Key}" : $"{Room}{roomId}" };
        foreach (var (_, message, entry) in page.Items)
        {
            if (message is not null)
            {
                reply.Items.Add(new ExportedItem { RoomId = roomId, Message = message });
            }
            else if (entry is { BodyCase: RoomEvent.BodyOneofCase.Reaction or RoomEvent.BodyOneofCase.Reported })
            {
                reply.Items.Add(new ExportedItem { RoomId = roomId, Entry = entry });
            }
        }

        return reply;
    }

    private async Task<ExportUserReply> RecordsAsync(string userId, string after, CancellationToken cancellationToken)
    {
        var (beforeMs, beforeId) = (long.MaxValue, "");
        if (after.Split(':', 2) is [var ms, var id] && long.TryParse(ms, NumberStyles.None, CultureInfo.InvariantCulture, out var parsed))
        {
            (beforeMs, beforeId) = (parsed, id);
        }

        var records = await audit.ReadAsync(new AuditFilter("", "", "", userId), beforeMs, beforeId, MaxRecords + 1, cancellationToken);
        var reply = new ExportUserReply();
        foreach (var record in records.Take(MaxRecords))
        {
            reply.Items.Add(new ExportedItem
            {
                RoomId = record.RoomId,
                Audit = new AuditEntry
                {
                    Id = record.Id, AtMs = record.AtMs, ActorId = record.ActorId, Action = record.Action, RoomId = record.RoomId, TargetId = record.TargetId,
                    Detail = record.Detail,
                },
            });
        }

        if (records.Count > MaxRecords)
        {
            var last = records[MaxRecords - 1];
            reply.Next = string.Create(CultureInfo.InvariantCulture, $"{Record}{last.AtMs}:{last.Id}");
        }

        return reply;
    }
}
