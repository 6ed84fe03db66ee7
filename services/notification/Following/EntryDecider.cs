using Tertulia.Contracts;
using Tertulia.Notifications.Inbox;
using Tertulia.Notifications.Preferences;
using Tertulia.Notifications.Storage;
using Tertulia.Notifications.Threads;

namespace Tertulia.Notifications.Following;

/// <summary>Decides whom an entry concerns. Each user has one reason at most: the strongest.</summary>
/// <param name="facts">Of the rooms, as they are before the entry.</param>
/// <param name="threads">Of their threads.</param>
/// <param name="later">Takes what is told later because it concerns a large room.</param>
/// <param name="options">Limits.</param>
/// <param name="keywords">Users who want to be told of a word.</param>
/// <param name="here">Users who are connected; null when that is not known: then all are.</param>
/// <param name="now">The present.</param>
internal sealed class EntryDecider(
    RoomFacts facts, ThreadFacts threads, ILaterRows later, InboxOptions options, ILookup<string, string> keywords, IReadOnlySet<string>? here, DateTimeOffset now)
{
    /// <summary>Members of a room who are looked up at a time.</summary>
    public const int MaxMembers = 1_000;

    private const int MaxFollowers = 10_000; // Of a thread, who are told of a reply.

    private const int MaxBodyChars = 300;
    private const string Room = "room";
    private const string Here = "here";

    /// <summary>More members than those whom it has given are told later.</summary>
    public bool HasRest { get; private set; }

    /// <summary>Whether the text mentions those who are connected.</summary>
    public static bool MentionsHere(string content) => content.Contains("@here", StringComparison.OrdinalIgnoreCase) && IsNamed(Words.Mentions(content), Here);

    /// <summary>What makes a notification of a message the same when it is decided again.</summary>
    public static string EventOf(string messageId) => $"m:{messageId}";

    /// <summary>Whether an entry may concern somebody whatever the room and the users' words: all but a message that answers nobody and mentions
    /// nobody.</summary>
    public static bool IsMoreThanText(RoomEvent entry) =>
        entry.BodyCase != RoomEvent.BodyOneofCase.Message || entry.Message.ThreadRoot.Length > 0 || entry.Message.ReplyToUserId.Length > 0
        || entry.Message.Content.Contains('@', StringComparison.Ordinal);

    /// <summary>What a new message says to whom.</summary>
    public async Task<List<Wanted>> OnMessageAsync(string roomId, RoomEvent entry)
    {
        var message = entry.Message;
        var users = new Reasons(entry.UserId);
        HashSet<string> readers = [];
        if (message.ThreadRoot.Length > 0)
        {
            readers = await threads.ReadersAsync(message.ThreadRoot, entry.Seq);
            users.Add(await threads.FollowersAsync(message.ThreadRoot, MaxFollowers), NotificationKinds.Thread);
            await threads.AddReplyAsync(roomId, entry);
        }

        var names = NamesIn(message.Content);
        var named = names.Count > 0 ? await facts.NamedAsync(roomId, names) : [];
        await threads.AddMentionsAsync(roomId, entry, [.. named.Where(userId => userId != entry.UserId)]);
        if (!IsRecent(entry))
        {
            return [];
        }

        if (message.ReplyToUserId.Length > 0)
        {
            users.Add([message.ReplyToUserId], NotificationKinds.Reply);
        }

        users.Add(Words.Of(message.Content).SelectMany(word => keywords[word]), NotificationKinds.Keyword);
        await users.KeepMembersAsync(facts, roomId);
        if (await AddMentionedAsync(users, roomId, entry.UserId, names, named) is { } rest)
        {
            await TellLaterAsync(roomId, entry, message.MessageId, message.Content, rest);
        }

        if (facts.KindOf(roomId) == "direct")
        {
            users.Add(await facts.MembersAsync(roomId, after: "", MaxMembers), NotificationKinds.Direct);
        }

        return Make(users, EventOf(message.MessageId), roomId, entry, message.MessageId, message.Content, readers);
    }

    /// <summary>Whom an edit mentions, and what it makes of what was told of the message. Who was told is not told again; who was not, and is mentioned now,
    /// is.</summary>
    public async Task<(Revision Revision, List<Wanted> Wanted)> OnEditAsync(string roomId, RoomEvent entry)
    {
        var edited = entry.Edited;
        var users = new Reasons(entry.UserId);
        var names = NamesIn(edited.Content);
        var named = names.Count > 0 ? await facts.NamedAsync(roomId, names) : [];
        var rest = await AddMentionedAsync(users, roomId, entry.UserId, names, named);
        var (isRoom, isHere) = (IsNamed(names, Room), IsNamed(names, Here));
        var mentioned = users.All.ToDictionary(user => user.UserId, user => user.Kind, StringComparer.Ordinal);
        var watched = Words.Of(edited.Content).SelectMany(word => keywords[word]).ToHashSet(StringComparer.Ordinal);
        List<Wanted> wanted = [];
        if (IsRecent(entry))
        {
            await threads.AddMentionsOfEditAsync(roomId, entry, [.. named.Where(userId => userId != entry.UserId)]);
            wanted = Make(users, EventOf(edited.MessageId), roomId, entry, edited.MessageId, edited.Content);
            if (rest is not null)
            {
                await TellLaterAsync(roomId, entry, edited.MessageId, edited.Content, rest);
            }
        }

        return (new Revision(EventOf(edited.MessageId), edited.MessageId, roomId, Cut(edited.Content), KindNow), wanted);

        // Whom the room's or the present members' mention has told is not asked again whether it was allowed, nor who is there now.
        string KindNow(string userId, string kind, string otherwise)
        {
            var byText = mentioned.GetValueOrDefault(userId) is { } mention ? mention
                : names.Contains(userId, StringComparer.Ordinal) ? NotificationKinds.Mention // Who has left since.
                : (kind == NotificationKinds.MentionRoom && isRoom) || (kind == NotificationKinds.MentionHere && isHere) ? kind
                : watched.Contains(userId) ? NotificationKinds.Keyword
                : "";
            return NotificationKinds.Stronger(byText, otherwise.Length > 0 || NotificationKinds.IsOfText(kind) ? otherwise : kind);
        }
    }

    /// <summary>The author of a message is told that somebody reacted; of the same reaction once.</summary>
    public async Task<List<Wanted>> OnReactionAsync(string roomId, RoomEvent entry)
    {
        var reaction = entry.Reaction;
        var users = new Reasons(entry.UserId);
        if (reaction.Removed || !IsRecent(entry))
        {
            return [];
        }

        users.Add([reaction.AuthorId], NotificationKinds.Reaction);
        await users.KeepMembersAsync(facts, roomId);
        return Make(users, $"r:{reaction.MessageId}:{entry.UserId}:{reaction.Emoji}", roomId, entry, reaction.MessageId, reaction.Emoji);
    }

    /// <summary>A user was made a member by somebody else, or asked to become one.</summary>
    public List<Wanted> OnInvitation(string roomId, RoomEvent entry)
    {
        var users = new Reasons(entry.UserId);
        if (IsRecent(entry))
        {
            users.Add([entry.Member.UserId], NotificationKinds.Invitation);
        }

        return Make(users, $"i:{roomId}:{entry.CreatedAtMs}:{entry.UserId}", roomId, entry, "", "");
    }

    private bool IsRecent(RoomEvent entry) => now - DateTimeOffset.FromUnixTimeMilliseconds(entry.CreatedAtMs) <= options.MaxAge;

    private static bool IsNamed(IReadOnlyList<string> names, string name) => names.Any(one => FoldedText.Of(one) == name);

    private static IReadOnlyList<string> NamesIn(string content) => content.Contains('@', StringComparison.Ordinal) ? Words.Mentions(content) : [];

    /// <param name="users">Who is told.</param>
    /// <param name="roomId">The room.</param>
    /// <param name="authorId">Who wrote it.</param>
    /// <param name="names">What is mentioned.</param>
    /// <param name="named">The members whose names are among these.</param>
    /// <returns>Who is mentioned besides: all members behind the first ones.</returns>
    private async Task<LaterRest?> AddMentionedAsync(Reasons users, string roomId, string authorId, IReadOnlyList<string> names, IReadOnlyList<string> named)
    {
        users.Add(named, NotificationKinds.Mention);
        var (isRoom, isHere) = (IsNamed(names, Room), IsNamed(names, Here));
        if (!isRoom && !isHere)
        {
            return null;
        }

        var most = Math.Max(MaxMembers, options.RoomMentionMembers + 1);
        var members = await facts.MembersAsync(roomId, after: "", most);
        if (members.Count > options.RoomMentionMembers && await facts.RoleAsync(roomId, authorId) is not ("owner" or "moderator"))
        {
            return null;
        }

        if (isHere && here is not null)
        {
            users.Add(await facts.MembersOfAsync(roomId, here), NotificationKinds.MentionHere);
        }

        if (!isRoom && here is not null)
        {
            return null;
        }

        var kind = isRoom ? NotificationKinds.MentionRoom : NotificationKinds.MentionHere;
        users.Add(members, kind);
        return members.Count == most ? new LaterRest(members[^1], kind) : null;
    }

    // At once: what comes behind in the batch, and ends or changes it, finds it among what is told later.
    private Task TellLaterAsync(string roomId, RoomEvent entry, string messageId, string body, LaterRest rest)
    {
        HasRest = true;
        return later.PutAsync([LaterPart.OfRest(facts.Partition, EventOf(messageId), ItemOf(roomId, entry, messageId, body), rest)]);
    }

    private List<Wanted> Make(Reasons users, string eventId, string roomId, RoomEvent entry, string messageId, string body, HashSet<string>? readers = null)
    {
        List<Wanted> wanted = [];
        var item = ItemOf(roomId, entry, messageId, body);
        foreach (var (userId, kind, otherwise) in users.All)
        {
            var own = item.Clone();
            own.Kind = kind;
            wanted.Add(new Wanted(userId, eventId, own) { IsRead = readers?.Contains(userId) == true, Otherwise = otherwise });
        }

        return wanted;
    }

    private Notification ItemOf(string roomId, RoomEvent entry, string messageId, string body)
    {
        var isDirect = facts.KindOf(roomId) == "direct";
        var name = entry.Username.Length > 0 ? entry.Username : entry.UserId;
        return new Notification
        {
            Title = isDirect ? name : $"{name} · {facts.NameOf(roomId)}",
            Body = Cut(body),
            Link = messageId.Length > 0 ? $"/rooms/{roomId}?message={messageId}" : $"/rooms/{roomId}",
            CreatedAtMs = entry.CreatedAtMs,
            RoomId = roomId,
            MessageId = messageId,
            Seq = entry.Seq,
            UserId = entry.UserId,
            Username = entry.Username,
        };
    }

    private static string Cut(string text)
    {
        if (text.Length <= MaxBodyChars)
        {
            return text;
        }

        var end = char.IsHighSurrogate(text[MaxBodyChars - 1]) ? MaxBodyChars - 1 : MaxBodyChars;
        return text[..end] + "…";
    }

    /// <summary>Why each user is told: the strongest reason, and the strongest one of those that have nothing to do with what the message says.</summary>
    /// <param name="authorId">Is never told of the own doing.</param>
    private sealed class Reasons(string authorId)
    {
        private readonly Dictionary<string, (string Kind, string Otherwise)> _users = new(StringComparer.Ordinal);

        public IEnumerable<(string UserId, string Kind, string Otherwise)> All => _users.Select(user => (user.Key, user.Value.Kind, user.Value.Otherwise));

        public void Add(IEnumerable<string> userIds, string kind)
        {
            var otherwise = NotificationKinds.IsOfText(kind) ? "" : kind;
            foreach (var userId in userIds.Where(userId => userId != authorId && userId.Length > 0))
            {
                var (known, knownOtherwise) = _users.GetValueOrDefault(userId, ("", ""));
                _users[userId] = (NotificationKinds.Stronger(known, kind), NotificationKinds.Stronger(knownOtherwise, otherwise));
            }
        }

        public async Task KeepMembersAsync(RoomFacts facts, string roomId)
        {
            if (_users.Count == 0)
            {
                return;
            }

            var members = await facts.MembersOfAsync(roomId, _users.Keys);
            foreach (var userId in _users.Keys.Where(userId => !members.Contains(userId)).ToArray())
            {
                _users.Remove(userId);
            }
        }
    }
}
