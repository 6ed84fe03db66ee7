using System.Globalization;
using System.Text;
using Tertulia.Contracts;

namespace Tertulia.Connections.Events;

/// <summary>Bytes that things take in an event, at most, whatever its format: all formats write JSON strings, so that lists can be cut before they are encoded.</summary>
internal static class EventSize
{
    /// <summary>The envelope of an event and its short fields: type, ids, epoch, <c>ref</c>, numbers.</summary>
    public const int Overhead = 2 * 1024;

    // Names of the fields, quotes, commas, numbers, a time.
    private const int MessageOverhead = 256;
    private const int ChangeOverhead = 384;
    private const int UserOverhead = 144;
    private const int RoomOverhead = 160;

    /// <summary>A string in JSON without its quotes.</summary>
    public static int Of(string text)
    {
        var bytes = 0;
        foreach (var character in text)
        {
            if (character > '\x7f')
            {
                return OfRunes(text);
            }

            bytes += character switch
            {
                '"' or '\\' or '\n' or '\r' or '\t' => 2,
                < ' ' or '\x7f' => 6,
                _ => 1,
            };
        }

        return bytes;
    }

    /// <summary>A message in a list.</summary>
    public static int Of(Message message)
    {
        var bytes = MessageOverhead + Of(message.MessageId) + Of(message.UserId) + Of(message.Username) + Of(message.Content) + Of(message.ClientMsgId)
            + Of(message.ReplyTo) + message.Metadata.Length;
        if (message.UpdatedSeq > message.Seq)
        {
            bytes += ChangeOverhead + Of(message.DeletedBy) + Of(message.PinnedBy);
            foreach (var reaction in message.Reactions)
            {
                bytes += UserOverhead + Of(reaction.Emoji);
                foreach (var userId in reaction.UserIds)
                {
                    bytes += Of(userId) + 3; // Its quotes and the comma.
                }
            }
        }

        return message.ThreadRoot.Length > 0 ? bytes + UserOverhead + Of(message.ThreadRoot) : bytes;
    }

    /// <summary>A list of users.</summary>
    public static int Of(IReadOnlyList<PresentUser> users)
    {
        var bytes = 0;
        foreach (var user in users)
        {
            bytes += Of(user);
        }

        return bytes;
    }

    /// <summary>A user in a list.</summary>
    public static int Of(PresentUser user) => UserOverhead + Of(user.UserId) + Of(user.Username) + Of(user.Status) + Of(user.Text) + Of(user.Emoji);

    /// <summary>Lists of users that fit into one event each; one empty list when there are none.</summary>
    public static IEnumerable<(IReadOnlyList<PresentUser> Users, bool HasMore)> Cut(IReadOnlyList<PresentUser> users)
    {
        var start = 0;
        do
        {
            var (end, bytes) = (start, 0);
            while (end < users.Count && ((bytes += Of(users[end])) <= ServerEvent.MaxBytes - Overhead || end == start))
            {
                end++;
            }

            yield return ([.. users.Skip(start).Take(end - start)], end < users.Count);
            start = end;
        }
        while (start < users.Count);
    }

    /// <summary>A member in a list.</summary>
    public static int Of(ListedMember member) => MessageOverhead + Of(member.UserId) + Of(member.Username) + Of(member.Role) + Of(member.InvitedBy);

    /// <summary>A changed member in a list, or a room's changed settings.</summary>
    public static int Of(RoomEvent entry) => MessageOverhead + Of(entry.UserId) + (entry.Member is { } member
        ? UserOverhead + Of(member.UserId) + Of(member.Username) + Of(member.Role) + Of(member.Reason) + Of(member.InvitedBy)
        : Of(entry.RoomUpdated?.Settings));

    /// <summary>A room's settings.</summary>
    public static int Of(RoomSettings? settings) =>
        settings is null ? 0 : MessageOverhead + Of(settings.Name) + Of(settings.Topic) + Of(settings.Community) + Of(settings.Kind);

    /// <summary>A report in a list.</summary>
    public static int OfReport(RoomEvent entry) => MessageOverhead + Of(entry.UserId) + Of(entry.Username) + Of(entry.Reported.MessageId)
        + Of(entry.Reported.AuthorId) + Of(entry.Reported.Reason);

    /// <summary>A room in a list.</summary>
    public static int Of(RoomSummary room) => RoomOverhead + Of(room.RoomId) + Of(room.Epoch) + Of(room.Role);

    /// <summary>A room in a list that shows its settings and its newest message.</summary>
    public static int Of(RoomDetails room) => ChangeOverhead + (2 * MessageOverhead) + Of(room.RoomId) + Of(room.Epoch) + Of(room.Settings) + Of(room.Role)
        + Of(room.InvitedBy) + Of(room.OtherUserId) + Of(room.OtherUsername) + (room.LastMessage is { } message ? Of(message) : 0);

    /// <summary>A community in a list.</summary>
    public static int Of(Community community) =>
        (2 * MessageOverhead) + Of(community.CommunityId) + Of(community.Role) + (community.Settings is { } settings ? Of(settings) : 0);

    /// <summary>The longest run of messages that fits.</summary>
    /// <param name="messages">All of them, ascending.</param>
    /// <param name="maxBytes">For all; the first that is looked at is taken whatever its size: else it could never be read.</param>
    /// <param name="fromEnd">The run ends with the last message; else it begins with the first.</param>
    public static IReadOnlyList<Message> Fit(IReadOnlyList<Message> messages, int maxBytes, bool fromEnd)
    {
        var (count, bytes) = (0, 0);
        while (count < messages.Count)
        {
            bytes += Of(messages[fromEnd ? messages.Count - 1 - count : count]);
            if (count > 0 && bytes > maxBytes)
            {
                break;
            }

            count++;
        }

        return count == messages.Count ? messages : [.. fromEnd ? messages.Skip(messages.Count - count) : messages.Take(count)];
    }

    /// <summary>The first things of a list that fit; the first of all is taken whatever its size.</summary>
    public static IReadOnlyList<T> Fit<T>(IReadOnlyList<T> items, Func<T, int> sizeOf, int maxBytes)
    {
        var (count, bytes) = (0, 0);
        while (count < items.Count && ((bytes += sizeOf(items[count])) <= maxBytes || count == 0))
        {
            count++;
        }

        return count == items.Count ? items : [.. items.Take(count)];
    }

    /// <summary>The rooms from one on that fit.</summary>
    /// <param name="rooms">All of them.</param>
    /// <param name="start">The first that is taken, whatever its size.</param>
    /// <param name="maxBytes">For all.</param>
    public static IReadOnlyList<RoomSummary> Fit(IReadOnlyList<RoomSummary> rooms, int start, int maxBytes)
    {
        var (end, bytes) = (start, 0);
        while (end < rooms.Count && ((bytes += Of(rooms[end])) <= maxBytes || end == start))
        {
            end++;
        }

        return start == 0 && end == rooms.Count ? rooms : [.. rooms.Skip(start).Take(end - start)];
    }

    private static int OfRunes(string text)
    {
        var bytes = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            bytes += rune.Value switch
            {
                '"' or '\\' or '\n' or '\r' or '\t' => 2,
                < ' ' => 6,
                < 0x7f => 1,
                _ when IsEscaped(rune) => 6 * rune.Utf16SequenceLength,
                _ => rune.Utf8SequenceLength,
            };
        }

        return bytes;
    }

    // What JSON writers show as \uXXXX although they need not: two of them for what is not in the basic plane.
    private static bool IsEscaped(Rune rune) => !rune.IsBmp || Rune.GetUnicodeCategory(rune) is
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.Surrogate
        or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned or UnicodeCategory.SpaceSeparator;
}
