using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.History;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Searching;

/// <summary>Answers searches: the index says where, the store says what and whether the user may read it.</summary>
internal sealed class MessageSearch(ISearchIndex index, IMessageStore store, RoomPages rooms, TimeProvider time)
{
    private const int MaxLimit = 100;
    private const int MaxRooms = 10_000; // Of a user: those by room id that come first.
    private const int MaxReplyBytes = 1024 * 1024;

    public async Task<SearchReply> FindAsync(SearchRequest request, CancellationToken cancellationToken)
    {
        if (request is not { Actor: { UserId.Length: > 0 } actor, Limit: >= 1 and <= MaxLimit, BeforeSeq: >= 0, Before: >= 0 } || request.Query.Contains('\0')
            || request.From.Contains('\0') || SearchQuery.Parse(request.Query) is not { } query)
        {
            throw RpcErrors.Refuse(ErrorCode.BadRequest, $"a query has at most {SearchQuery.MaxChars} characters and {SearchQuery.MaxTerms} terms, limit is 1 to {MaxLimit}");
        }

        query = request.From.Length > 0 ? query with { From = request.From } : query;
        query = request.RoomId.Length > 0 ? query with { In = request.RoomId } : query;
        if (query.IsEmpty)
        {
            throw RpcErrors.Refuse(ErrorCode.BadRequest, "there is nothing to look for");
        }

        var readable = ReadableRooms.Of(request.RoomId.Length > 0 ? null : request.Scope); // Of one room the actor's grant says what the token allows.
        var within = query.In is { } roomId
            ? await RoomAsync(actor, roomId, readable, cancellationToken)
            : await rooms.IdsAsync(actor.UserId, readable, MaxRooms, cancellationToken);
        var range = new SearchRange(
            request.Before > 0 ? request.Before : long.MaxValue, request.BeforeSeq > 0 ? request.BeforeSeq : long.MaxValue);
        var hits = within.Count == 0 ? [] : await index.FindAsync(query, within, range, request.Limit + 1, cancellationToken);
        return await ReadAsync(actor.UserId, hits, request.Limit, cancellationToken);
    }

    private async Task<IReadOnlyCollection<string>> RoomAsync(Actor actor, string roomId, ReadableRooms readable, CancellationToken cancellationToken)
    {
        if (!readable.Has(roomId))
        {
            throw RpcErrors.Refuse(ErrorCode.Forbidden);
        }

        var key = new MemberKey(roomId, actor.UserId);
        var loaded = await store.LoadAsync([roomId], [key], cancellationToken);
        if (!loaded.Rooms.TryGetValue(roomId, out var head) || head.IsDeleted)
        {
            throw RpcErrors.Refuse(ErrorCode.RoomNotFound);
        }

        var membership = loaded.Members.GetValueOrDefault(key, Membership.None).At(time.GetUtcNow().ToUnixTimeMilliseconds());
        var refusal = RoomPermissions.Check(actor, head.Kind, membership, RoomAction.Search);
        return refusal == ErrorCode.Unspecified ? [roomId] : throw RpcErrors.Refuse(refusal);
    }

    // What was deleted since the index looked is not shown, and does not end the paging.
    private async Task<SearchReply> ReadAsync(string userId, List<SearchHit> hits, int limit, CancellationToken cancellationToken)
    {
        var reply = new SearchReply { Epoch = store.Epoch, HasMore = hits.Count > limit };
        if (hits.Count == 0)
        {
            return reply;
        }

        hits = hits.Count > limit ? hits[..limit] : hits;
        reply.Next = hits[^1].Place;
        var bytes = 0;
        var found = (await store.FindMessagesAsync([.. hits.Select(hit => hit.MessageId)], cancellationToken))
            .ToLookup(message => (message.RoomId, message.Message.MessageId));
        foreach (var hit in hits)
        {
            foreach (var (roomId, message) in found[(hit.RoomId, hit.MessageId)].Take(1))
            {
                var shown = message.ShownTo(userId);
                if (reply.Items.Count > 0 && (bytes += shown.CalculateSize()) > MaxReplyBytes)
                {
                    (reply.HasMore, reply.Next) = (true, reply.Items[^1].Place);
                    return reply;
                }

                if (shown.DeletedAtMs == 0)
                {
                    reply.Items.Add(new SearchItem { RoomId = roomId, Message = shown, Place = hit.Place });
                }
            }
        }

        return reply;
    }
}
