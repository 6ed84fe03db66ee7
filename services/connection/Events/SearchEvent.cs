using Tertulia.Contracts;

namespace Tertulia.Connections.Events;

/// <summary>Messages that were found, the newest first.</summary>
/// <param name="Ref">The command's <c>ref</c>; null when it had none.</param>
/// <param name="Items">With their rooms.</param>
/// <param name="HasMore">There are older ones.</param>
/// <param name="Cursor">Where these begin; 0 when there are none.</param>
internal sealed record SearchEvent(string? Ref, IReadOnlyList<SearchItem> Items, bool HasMore, long Cursor) : ServerEvent(DeliveryClass.Control)
{
    /// <summary>As much of a page as fits.</summary>
    public static SearchEvent Fit(string? reference, SearchReply reply)
    {
        var (count, bytes) = (0, EventSize.Overhead);
        while (count < reply.Items.Count)
        {
            bytes += EventSize.Of(reply.Items[count].Message) + EventSize.Of(reply.Items[count].RoomId);
            if (count > 0 && bytes > MaxBytes)
            {
                return new SearchEvent(reference, [.. reply.Items.Take(count)], HasMore: true, reply.Items[count - 1].Place);
            }

            count++;
        }

        return new SearchEvent(reference, reply.Items, reply.HasMore, reply.HasMore ? reply.Next : 0);
    }
}
