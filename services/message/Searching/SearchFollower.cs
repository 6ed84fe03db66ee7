using Tertulia.Contracts;
using Tertulia.Feed;

namespace Tertulia.Messages.Searching;

/// <summary>Keeps the index up with the rooms' logs: what pages of the feed come to.</summary>
internal sealed class SearchFollower(ISearchIndex index) : IFeedHandler
{
    private const int MaxWords = 4_096; // Of a message: content has at most 16,000 characters.

    /// <inheritdoc />
    public Task<FeedMark> OpenAsync(int partition, CancellationToken cancellationToken) => index.ReadMarkAsync(partition, cancellationToken);

    /// <inheritdoc />
    public Task<FeedOutcome[]> HandleAsync(IReadOnlyList<FeedBatch> batches, CancellationToken cancellationToken) =>
        index.WriteAsync([.. batches.Select(batch => new SearchPage(batch, ChangesOf(batch.Entries)))], cancellationToken);

    /// <summary>What the entries come to, each message once.</summary>
    internal static SearchChanges ChangesOf(IReadOnlyList<FollowedEntry> entries)
    {
        var added = new Dictionary<(string, long), SearchDocument>();
        var edited = new Dictionary<(string, long), SearchEdit>();
        var removed = new HashSet<(string, long)>();
        var trimmed = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var entry in entries)
        {
            var roomEvent = entry.Event;
            switch (roomEvent.BodyCase)
            {
                case RoomEvent.BodyOneofCase.Message:
                    var message = roomEvent.Message;
                    added[(entry.RoomId, roomEvent.Seq)] = new SearchDocument(
                        entry.RoomId, roomEvent.Seq, message.MessageId, roomEvent.UserId, NameOf(roomEvent.Username), roomEvent.CreatedAtMs,
                        FoldedText.Words(message.Content, MaxWords), HasLink(message.Content));
                    break;
                case RoomEvent.BodyOneofCase.Edited:
                    Edit(entry.RoomId, roomEvent.Edited);
                    break;
                case RoomEvent.BodyOneofCase.Deleted:
                    var gone = (entry.RoomId, roomEvent.Deleted.MessageSeq);
                    if (!added.Remove(gone))
                    {
                        edited.Remove(gone);
                        removed.Add(gone);
                    }

                    break;
                case RoomEvent.BodyOneofCase.Trimmed:
                    trimmed[entry.RoomId] = Math.Max(trimmed.GetValueOrDefault(entry.RoomId), roomEvent.Trimmed.FirstSeq);
                    break;
            }
        }

        return new SearchChanges(added.Values, edited.Values, removed, [.. trimmed.Select(room => (room.Key, room.Value))]);

        void Edit(string roomId, MessageEdited edit)
        {
            var (key, words, hasLink) = ((roomId, edit.MessageSeq), FoldedText.Words(edit.Content, MaxWords), HasLink(edit.Content));
            if (added.TryGetValue(key, out var document))
            {
                added[key] = document with { Words = words, HasLink = hasLink };
            }
            else
            {
                edited[key] = new SearchEdit(roomId, edit.MessageSeq, words, hasLink);
            }
        }
    }

    /// <summary>A user's name as <c>from:</c> compares it.</summary>
    internal static string NameOf(string username) => string.Join(' ', FoldedText.Words(username, maxWords: 16));

    private static bool HasLink(string content) =>
        content.Contains("http://", StringComparison.OrdinalIgnoreCase) || content.Contains("https://", StringComparison.OrdinalIgnoreCase);
}
