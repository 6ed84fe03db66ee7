using Google.Protobuf;
using Tertulia.Contracts;
using Tertulia.Messages.Storage;

namespace Tertulia.Conformance.Stores;

/// <summary>Writes one room's entries as a message service would, seq by seq.</summary>
internal sealed class RoomScript(string roomId)
{
    private uint _members;

    public string RoomId { get; } = roomId;

    public long LastSeq { get; set; }

    public RoomEntry Created(string userId = "ana", long createdAtMs = 0) =>
        Entry(userId, "+room", new RoomEvent { CreatedAtMs = createdAtMs, Room = new RoomCreated { Kind = "open" } });

    public RoomEntry Joined(string userId, string role = "member") => Entry(userId, $"+join:{LastSeq}", new RoomEvent
    {
        Member = new MemberChanged { UserId = userId, Username = userId.ToUpperInvariant(), Role = role, Members = ++_members },
    });

    /// <summary>An entry of any kind.</summary>
    public RoomEntry Wrote(string userId, RoomEvent roomEvent) => Entry(userId, $"+any:{LastSeq}", roomEvent);

    public RoomEntry Said(string userId, string key, string content = "hola") => Entry(userId, key, new RoomEvent
    {
        Message = new MessageCreated
        {
            MessageId = $"id-{userId}-{key}", ClientMsgId = key, Content = content, ReplyTo = "id-0", Metadata = ByteString.CopyFromUtf8("{\"a\":1}"),
        },
    });

    /// <summary>A reply in the thread that began with a message; its content is its key.</summary>
    public RoomEntry Replied(string userId, string key, RoomEntry root)
    {
        var reply = Said(userId, key, key);
        (reply.Event.Message.ThreadRoot, reply.Event.Message.ThreadRootSeq) = (root.Event.Message.MessageId, root.Event.Seq);
        return reply;
    }

    /// <summary>A verb of the test's own, which makes a message say something else.</summary>
    public RoomEntry Edited(RoomEntry said, string content) => Changed(said, "edit", state => state.Content = content);

    /// <summary>A verb of the test's own, which pins a message.</summary>
    public RoomEntry Pinned(RoomEntry said, bool unpin = false) => Changed(said, "pin", state => state.PinnedSeq = unpin ? 0 : LastSeq);

    private RoomEntry Changed(RoomEntry said, string verb, Action<Message> change)
    {
        var message = said.Event.Message;
        var state = new Message
        {
            MessageId = message.MessageId, UserId = said.Event.UserId, Username = said.Event.Username, Content = message.Content,
            CreatedAtMs = said.Event.CreatedAtMs, ClientMsgId = message.ClientMsgId, ReplyTo = message.ReplyTo, Metadata = message.Metadata,
        };
        var entry = Entry(said.Event.UserId, $"+{verb}:{LastSeq}", new RoomEvent { Extension = new Contracts.Extension { Verb = $"test.{verb}" } });
        change(state);
        return entry with { Entry = entry.Entry with { Change = new MessageChange(said.Event.Seq, state) } };
    }

    /// <summary>The room, its owner and some messages m1, m2, … of hers.</summary>
    public List<RoomEntry> Opening(int messages)
    {
        List<RoomEntry> entries = [Created(), Joined("ana", "owner")];
        for (var i = 1; i <= messages; i++)
        {
            entries.Add(Said("ana", $"m{i}", $"content {i}"));
        }

        return entries;
    }

    private RoomEntry Entry(string userId, string key, RoomEvent roomEvent)
    {
        roomEvent.Seq = ++LastSeq;
        roomEvent.CreatedAtMs = roomEvent.CreatedAtMs > 0 ? roomEvent.CreatedAtMs : 1_700_000_000_000 + LastSeq;
        roomEvent.UserId = userId;
        roomEvent.Username = userId.ToUpperInvariant();
        return new RoomEntry(RoomId, new LogEntry(userId, key, roomEvent));
    }
}

/// <summary>An entry and the room it is for.</summary>
internal readonly record struct RoomEntry(string RoomId, LogEntry Entry)
{
    public RoomEvent Event => Entry.Event;

    public EntryKey Key => new(RoomId, Entry.SenderId, Entry.IdempotencyKey);
}
