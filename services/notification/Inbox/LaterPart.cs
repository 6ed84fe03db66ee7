using System.Text.Json;
using Google.Protobuf;
using Tertulia.Contracts;

namespace Tertulia.Notifications.Inbox;

/// <summary>Some of those whom an entry concerns, who are told of it in a round of their own: an entry may concern thousands, and others wait behind
/// it.</summary>
/// <param name="PartId">Older ones come first; the same when it is decided again.</param>
/// <param name="Partition">Of the room.</param>
/// <param name="EventId">As in <see cref="Wanted.EventId"/>.</param>
/// <param name="Item">What they are told, but for the kind.</param>
/// <param name="Users">Who.</param>
/// <param name="Rest">Instead of users: all members behind one.</param>
internal sealed record LaterPart(string PartId, int Partition, string EventId, Notification Item, IReadOnlyList<LaterUser> Users, LaterRest? Rest = null)
{
    /// <summary>Users of a part at most.</summary>
    public const int MaxUsers = 250;

    private const int MaxNumber = 9_999; // Of a part of an event: the last one.
    private const int Few = 20; // Are told with their entry in any case.

    // Of one event, those who are told with their entry when all of them cannot be: few, whatever is written.
    private static readonly int FirstRank = Preferences.NotificationKinds.RankOf(Preferences.NotificationKinds.Reply);

    /// <summary>Divides what is wanted of a batch into what is told with it and what is told later.</summary>
    /// <param name="wanted">All of it.</param>
    /// <param name="atOnce">As many of events that concern many are told with it.</param>
    /// <param name="partition">Of the batch.</param>
    public static (List<Wanted> Now, List<LaterPart> Later) Divide(List<Wanted> wanted, int atOnce, int partition)
    {
        if (wanted.Count <= Math.Min(atOnce, MaxUsers))
        {
            return (wanted, []);
        }

        List<Wanted> now = [];
        List<LaterPart> later = [];
        foreach (var one in wanted.GroupBy(one => one.EventId, StringComparer.Ordinal).Select(one => one.ToArray()))
        {
            var isMany = one.Length > Few && (one.Length > MaxUsers || now.Count + one.Length > atOnce);
            now.AddRange(isMany ? one.Where(IsFirst) : one);
            later.AddRange((isMany ? one.Where(user => !IsFirst(user)) : []).Chunk(MaxUsers).Select((part, number) => new LaterPart(
                IdOf(part[0].Item, part[0].EventId, number), partition, part[0].EventId, part[0].Item,
                [.. part.Select(user => new LaterUser(user.UserId, user.Item.Kind, user.Otherwise))])));
        }

        return (now, later);
    }

    /// <summary>All members behind one: they are looked up when they are told.</summary>
    public static LaterPart OfRest(int partition, string eventId, Notification item, LaterRest rest) =>
        new(IdOf(item, eventId, MaxNumber), partition, eventId, item, [], rest);

    /// <summary>As it is stored.</summary>
    public string Write() => JsonSerializer.Serialize(new Stored(JsonFormatter.Default.Format(Item), Users, Rest));

    /// <summary>From what is stored.</summary>
    public static LaterPart Read(string partId, int partition, string eventId, string content)
    {
        var stored = JsonSerializer.Deserialize<Stored>(content)!;
        return new LaterPart(partId, partition, eventId, Notification.Parser.ParseJson(stored.Item), stored.Users, stored.Rest);
    }

    /// <summary>The part when its message says something else; null when nobody is left.</summary>
    public LaterPart? Revised(Revision revision)
    {
        var item = Item.Clone();
        item.Body = revision.Body;
        if (Rest is not null)
        {
            return revision.KindNow("", Rest.Kind, "") is { Length: > 0 } kind ? this with { Item = item, Rest = Rest with { Kind = kind } } : null;
        }

        LaterUser[] users = [.. Users.Select(user => user with { Kind = revision.KindNow(user.UserId, user.Kind, user.Otherwise) })
            .Where(user => user.Kind.Length > 0)];
        return users.Length > 0 ? this with { Item = item, Users = users } : null;
    }

    /// <summary>What is told now.</summary>
    /// <param name="members">Those who are members still.</param>
    /// <param name="readers">Those who have read it in its thread.</param>
    public List<Wanted> Wanted(IReadOnlySet<string> members, IReadOnlySet<string> readers) =>
    [
        .. Users.Where(user => members.Contains(user.UserId)).Select(user => WantedOf(user, readers)),
    ];

    /// <summary>What is told now of a part that has a rest.</summary>
    /// <param name="members">The next ones.</param>
    /// <param name="readers">Those who have read it in its thread.</param>
    public List<Wanted> WantedOfRest(IReadOnlyList<string> members, IReadOnlySet<string> readers) =>
        [.. members.Where(userId => userId != Item.UserId).Select(userId => WantedOf(new LaterUser(userId, Rest!.Kind, ""), readers))];

    /// <summary>What is left of it when the next members were told; null: nothing.</summary>
    public LaterPart? Behind(IReadOnlyList<string> members) => members.Count < MaxUsers ? null : this with { Rest = Rest! with { After = members[^1] } };

    private Wanted WantedOf(LaterUser user, IReadOnlySet<string> readers)
    {
        var item = Item.Clone();
        item.Kind = user.Kind;
        return new Wanted(user.UserId, EventId, item) { Otherwise = user.Otherwise, IsRead = readers.Contains(user.UserId) };
    }

    private static bool IsFirst(Wanted wanted) => Preferences.NotificationKinds.RankOf(wanted.Item.Kind) <= FirstRank;

    private static string IdOf(Notification item, string eventId, int number) => $"{item.CreatedAtMs:D15}:{eventId}:{number:D4}";

    private sealed record Stored(string Item, IReadOnlyList<LaterUser> Users, LaterRest? Rest = null);
}

/// <summary>Who is told later, and why.</summary>
/// <param name="UserId">Who.</param>
/// <param name="Kind">Why.</param>
/// <param name="Otherwise">As in <see cref="Wanted.Otherwise"/>.</param>
internal sealed record LaterUser(string UserId, string Kind, string Otherwise);

/// <summary>All members of a room behind one, by user id, who are told for the same reason. Who was told of the event for another one is not told again.</summary>
/// <param name="After">The last one who was told.</param>
/// <param name="Kind">Why.</param>
internal sealed record LaterRest(string After, string Kind);
