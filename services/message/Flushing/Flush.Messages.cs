using Tertulia.Contracts;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Storage;
using Tertulia.Messages.Verbs;

namespace Tertulia.Messages.Flushing;

/// <content>Older messages that the commands of this flush name, and what the commands make of them.</content>
internal sealed partial class Flush
{
    private const int MaxMessageIdLength = 64;

    private readonly Dictionary<(string RoomId, string MessageId), ChangingMessage> _messages = [];
    private readonly HashSet<string> _lookedFor = new(StringComparer.Ordinal);
    private readonly HashSet<RoomState> _pinsNeeded = [];
    private readonly HashSet<string> _needed = new(StringComparer.Ordinal);

    /// <summary>Ids of messages that are to be read before the commands are decided.</summary>
    public IReadOnlySet<string> NeededMessages => _needed;

    /// <summary>A command names a message: it is read, unless it was already, or no message can have this id.</summary>
    public void NeedMessage(string messageId)
    {
        if (messageId.Length is > 0 and <= MaxMessageIdLength && !messageId.Contains('\0') && !_lookedFor.Contains(messageId))
        {
            _needed.Add(messageId);
        }
    }

    /// <summary>Takes over what the store has of the needed messages.</summary>
    public void LoadMessages(IReadOnlyList<FoundMessage> found)
    {
        foreach (var (roomId, message) in found)
        {
            _messages[(roomId, message.MessageId)] = new ChangingMessage(message);
        }

        _lookedFor.UnionWith(_needed);
        _needed.Clear();
    }

    /// <summary>Rooms whose pinned messages are to be counted before the commands are decided.</summary>
    public IReadOnlySet<RoomState> NeededPins => _pinsNeeded;

    /// <summary>A command must know how many messages of the room are pinned: they are counted, unless that is known.</summary>
    public void NeedPins(RoomState room) => _pinsNeeded.Add(room);

    /// <summary>The pinned messages are counted.</summary>
    public void ForgetNeededPins() => _pinsNeeded.Clear();

    /// <summary>Rooms whose invitations are to be counted before the commands are decided.</summary>
    public HashSet<RoomState> NeededInvitations { get; } = [];

    /// <summary>A message as the commands before this one leave it.</summary>
    /// <returns>Null when the room has no such message. Who changes it appends what changed it:
    /// <see cref="Append(in Submitted, KeyedVerb, in EntryKey, RoomEvent, Message, RoomEvent)"/>.</returns>
    public Message? MessageOf(RoomState room, string messageId) => _messages.GetValueOrDefault((room.RoomId, messageId))?.State;

    /// <summary>Gives the entry, which answers its command and changed a message, the room's next seq.</summary>
    /// <param name="submitted">The command.</param>
    /// <param name="verb">Its verb.</param>
    /// <param name="key">The entry's key.</param>
    /// <param name="roomEvent">The entry.</param>
    /// <param name="changed">The message of <see cref="MessageOf"/>, as it is now.</param>
    /// <param name="erased">The entry that held its text, without it; null when the text stays.</param>
    public void Append(in Submitted submitted, KeyedVerb verb, in EntryKey key, RoomEvent roomEvent, Message changed, RoomEvent? erased = null)
    {
        AppendChange(submitted, key, roomEvent, changed, erased);
        Answer(submitted, verb, key, roomEvent);
    }

    /// <summary>Gives an entry that changed a message the room's next seq, one of several of its command.</summary>
    /// <inheritdoc cref="Append(in Submitted, KeyedVerb, in EntryKey, RoomEvent, Message, RoomEvent)" path="/param"/>
    public void AppendChange(in Submitted submitted, in EntryKey key, RoomEvent roomEvent, Message changed, RoomEvent? erased)
    {
        var room = submitted.Room;
        var message = _messages[(room.RoomId, changed.MessageId)];
        if (message.Entry >= 0)
        {
            // A room's entries are written together: of a message's changes only the last one counts.
            room.Entries![message.Entry] = room.Entries[message.Entry] with { Change = null };
        }

        Append(submitted, key, roomEvent, new MessageChange(changed.Seq, changed), erased);
        changed.UpdatedSeq = roomEvent.Seq;
        if (roomEvent.BodyCase == RoomEvent.BodyOneofCase.Edited)
        {
            (changed.TextSeq, changed.TextBy) = (roomEvent.Seq, roomEvent.UserId);
        }

        message.Entry = room.Entries!.Count - 1;
    }

    // What was not written, or may have been written by another owner, is read again.
    private void ForgetMessages()
    {
        _messages.Clear();
        _lookedFor.Clear();
        _needed.Clear();
        _pinsNeeded.Clear();
    }

    /// <summary>A message of this flush.</summary>
    private sealed class ChangingMessage(Message state)
    {
        public Message State { get; } = state;

        /// <summary>Index of the room's entry that holds its change; -1 when there is none.</summary>
        public int Entry { get; set; } = -1;
    }
}
