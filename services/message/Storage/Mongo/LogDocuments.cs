using System.Globalization;
using Google.Protobuf;
using MongoDB.Bson;
using Tertulia.Contracts;

namespace Tertulia.Messages.Storage.Mongo;

/// <summary>A room as the last document of its log has it.</summary>
internal readonly record struct StoredHead(
    long LastSeq, long Messages, string Kind, int Members, string CreatedBy, byte[]? Settings, bool IsDeleted, long FirstSeq = 1)
{
    /// <summary>Before the first entry.</summary>
    public static StoredHead None { get; } = new(0, 0, "", 0, "", null, IsDeleted: false);

    public static StoredHead Of(BsonDocument document)
    {
        var head = document[LogField.Head].AsBsonDocument;
        return new StoredHead(
            document[LogField.Last].AsInt64, document[LogField.Messages].AsInt64, head[HeadField.Kind].AsString, head[HeadField.Members].AsInt32,
            head[HeadField.CreatedBy].AsString, head.TryGetValue(HeadField.Settings, out var settings) ? settings.AsByteArray : null,
            head.Contains(HeadField.Deleted), head.TryGetValue(HeadField.FirstSeq, out var first) ? first.AsInt64 : 1);
    }

    public RoomHead ToView(string roomId) => new(roomId, Kind, Members, LastSeq, Messages, CreatedBy, FirstSeq: FirstSeq);

    /// <summary>For how many days messages are kept; 0: for ever.</summary>
    public int RetentionDays => Settings is null ? 0 : (int)RoomSettings.Parser.ParseFrom(Settings).RetentionDays;

    public BsonDocument ToDocument()
    {
        var head = new BsonDocument { { HeadField.Kind, Kind }, { HeadField.Members, Members }, { HeadField.CreatedBy, CreatedBy } };
        if (Settings is not null)
        {
            head.Add(HeadField.Settings, Settings);
        }

        if (FirstSeq > 1)
        {
            head.Add(HeadField.FirstSeq, FirstSeq);
        }

        return IsDeleted ? head.Add(HeadField.Deleted, true) : head;
    }

    public StoredHead After(RoomEvent entry) => (entry.BodyCase switch
    {
        RoomEvent.BodyOneofCase.Message => this with { Messages = Messages + 1 },
        RoomEvent.BodyOneofCase.Member => this with { Members = (int)entry.Member.Members },
        RoomEvent.BodyOneofCase.Room => this with { Kind = entry.Room.Kind, CreatedBy = entry.UserId, Settings = entry.Room.Settings?.ToByteArray() },
        RoomEvent.BodyOneofCase.RoomUpdated => this with { Kind = entry.RoomUpdated.Settings.Kind, Settings = entry.RoomUpdated.Settings.ToByteArray() },
        RoomEvent.BodyOneofCase.RoomDeleted => this with { IsDeleted = true },
        RoomEvent.BodyOneofCase.Trimmed => this with { FirstSeq = Math.Max(FirstSeq, entry.Trimmed.FirstSeq) },
        _ => this,
    }) with { LastSeq = entry.Seq };
}

/// <summary>A room's entries of one flush as a document, and back.</summary>
internal static class LogDocuments
{
    /// <summary>20 is the field number of <c>RoomEvent.message</c>.</summary>
    public const int MessageKind = (int)RoomEvent.BodyOneofCase.Message;

    /// <summary>Of a room's document in a flush.</summary>
    public static string IdOf(string flushId, string roomId) => $"{flushId}/{roomId}";

    /// <summary>Unique per room: sender and key, of which neither can be taken for a part of the other.</summary>
    public static string KeyOf(string senderId, string idempotencyKey) => string.Create(CultureInfo.InvariantCulture, $"{senderId.Length}:{senderId}{idempotencyKey}");

    /// <summary>Takes the place of a room's document that is not to come any more.</summary>
    public static BsonDocument Void(string flushId, string roomId)
    {
        var id = IdOf(flushId, roomId);
        return new BsonDocument
        {
            { "_id", id }, { LogField.Room, roomId }, { LogField.First, id }, { LogField.Void, true },
            { LogField.Entries, new BsonArray { new BsonDocument(LogField.Key, $"/{id}") } },
        };
    }

    /// <summary>What is appended to a room.</summary>
    /// <param name="append">The entries.</param>
    /// <param name="flushId">Of the flush, unique.</param>
    /// <param name="flush">Its number.</param>
    /// <param name="place">Of the room in it.</param>
    /// <param name="before">The room before the first entry.</param>
    public static BsonDocument Of(RoomAppend append, string flushId, long flush, int place, StoredHead before)
    {
        var entries = new BsonArray(append.Entries.Count);
        var head = before;
        var document = new BsonDocument
        {
            { "_id", IdOf(flushId, append.RoomId) }, { LogField.Room, append.RoomId }, { LogField.Partition, append.Partition },
            { LogField.Owner, append.OwnerEpoch }, { LogField.Flush, flush }, { LogField.Place, place },
            { LogField.First, append.Entries[0].Event.Seq }, { LogField.Last, append.Entries[^1].Event.Seq }, { LogField.Entries, entries },
        };
        var effects = new Effects(append.RoomId);
        foreach (var entry in append.Entries)
        {
            head = head.After(entry.Event);
            entries.Add(EntryOf(entry, head.Messages));
            effects.Add(entry);
            AddMarks(document, entry.Event);
        }

        effects.EraseOwn(entries);
        effects.Retain(head);
        document.Add(LogField.Messages, head.Messages).Add(LogField.OwnMessages, (int)(head.Messages - before.Messages)).Add(LogField.Head, head.ToDocument());
        return effects.ToDocument() is { } pending ? document.Add(LogField.Effects, pending) : document;
    }

    /// <summary>The entries of a document.</summary>
    public static IEnumerable<BsonDocument> EntriesOf(BsonDocument document) => document[LogField.Entries].AsBsonArray.Select(entry => entry.AsBsonDocument);

    public static long SeqOf(BsonDocument entry) => entry[LogField.Seq].AsInt64;

    public static bool IsMessage(BsonDocument entry) => entry[LogField.Kind].AsInt32 == MessageKind;

    public static RoomEvent EventOf(BsonDocument entry) => RoomEvent.Parser.ParseFrom(entry[LogField.Body].AsByteArray);

    /// <summary>Whether an entry is about settings or a user's place.</summary>
    public static bool IsState(RoomEvent.BodyOneofCase kind) => kind is RoomEvent.BodyOneofCase.Member or RoomEvent.BodyOneofCase.RoomUpdated;

    private static BsonDocument EntryOf(in LogEntry entry, long messages)
    {
        var document = new BsonDocument
        {
            { LogField.Seq, entry.Event.Seq }, { LogField.Key, KeyOf(entry.SenderId, entry.IdempotencyKey) }, { LogField.Sender, entry.SenderId },
            { LogField.Kind, (int)entry.Event.BodyCase }, { LogField.At, entry.Event.CreatedAtMs }, { LogField.Count, messages },
            { LogField.Body, entry.Event.ToByteArray() },
        };
        if (entry.Event.Message is { } message)
        {
            document.Add(LogField.MessageId, message.MessageId);
            if (message.ThreadRootSeq > 0)
            {
                document.Add(LogField.Root, message.ThreadRootSeq);
            }
        }

        return document;
    }

    // What the document is found by, beside its room and seqs.
    private static void AddMarks(BsonDocument document, RoomEvent entry)
    {
        if (IsState(entry.BodyCase))
        {
            document[LogField.State] = true;
        }

        if ((entry.Room?.Settings ?? entry.RoomUpdated?.Settings) is { Community: { Length: > 0 } community })
        {
            if (!document.TryGetValue(LogField.Communities, out var communities))
            {
                document.Add(LogField.Communities, communities = new BsonArray());
            }

            communities.AsBsonArray.Add(community);
        }

        switch (entry.BodyCase)
        {
            case RoomEvent.BodyOneofCase.Message when entry.Message.ThreadRootSeq > 0:
                if (!document.TryGetValue(LogField.Roots, out var roots))
                {
                    document.Add(LogField.Roots, roots = new BsonArray());
                }

                if (!roots.AsBsonArray.Contains(entry.Message.ThreadRootSeq))
                {
                    roots.AsBsonArray.Add(entry.Message.ThreadRootSeq);
                }

                break;
            case RoomEvent.BodyOneofCase.Reported:
                document[LogField.Reports] = true;
                break;
            case RoomEvent.BodyOneofCase.Room:
                document[LogField.CreatedBy] = entry.UserId;
                document[LogField.CreatedAt] = entry.CreatedAtMs;
                break;
        }
    }
}
