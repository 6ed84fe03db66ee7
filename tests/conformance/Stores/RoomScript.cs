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

    public LogEntry Created(string userId = "ana") =>
        Entry(userId, "+room", new RoomEvent { Room = new RoomCreated { Kind = "open" } });

    public LogEntry Joined(string userId, string role = "member") => Entry(userId, $"+join:{LastSeq}", new RoomEvent
    {
        Member = new MemberChanged { UserId = userId, Username = userId.ToUpperInvariant(), Role = role, Members = ++_members },
    });

    public LogEntry Said(string userId, string key, string content = "hola") => Entry(userId, key, new RoomEvent
    {
        Message = new MessageCreated
        {
            MessageId = $"id-{userId}-{key}", ClientMsgId = key, Content = content, ReplyTo = "id-0", Metadata = ByteString.CopyFromUtf8("{\"a\":1}"),
        },
    });

    /// <summary>The room, its owner and some messages m1, m2, … of hers.</summary>
    public List<LogEntry> Opening(int messages)
    {
        List<LogEntry> entries = [Created(), Joined("ana", "owner")];
        for (var i = 1; i <= messages; i++)
        {
            entries.Add(Said("ana", $"m{i}", $"content {i}"));
        }

        return entries;
    }

    private LogEntry Entry(string userId, string key, RoomEvent roomEvent)
    {
        roomEvent.Seq = ++LastSeq;
        roomEvent.CreatedAtMs = 1_700_000_000_000 + LastSeq;
        roomEvent.UserId = userId;
        roomEvent.Username = userId.ToUpperInvariant();
        return new LogEntry(RoomId, userId, key, roomEvent);
    }
}
