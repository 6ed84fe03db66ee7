using Google.Protobuf;
using Tertulia.Contracts;

namespace Tertulia.Messages.Tests;

/// <summary>Commands as nodes send them.</summary>
internal static class Commands
{
    private static long _lastId;

    public static Actor User(string userId, string role = "user", Grant? grant = null) =>
        new() { UserId = userId, Username = userId.ToUpperInvariant(), Role = role, Grant = grant };

    public static Command Join(string roomId, string userId, Grant? grant = null) => New(roomId, User(userId, grant: grant), new Command { Join = new JoinRoom() });

    public static Command Send(string roomId, string userId, string content, string clientMsgId = "") => New(roomId, User(userId), new Command
    {
        Send = new SendMessage { MessageId = Guid.CreateVersion7().ToString(), ClientMsgId = clientMsgId, Content = content },
    });

    public static Command Edit(string roomId, string userId, string messageId, string content, uint version = 0) => New(roomId, User(userId), new Command
    {
        Edit = new EditMessage { MessageId = messageId, Content = content, Version = version },
    });

    public static Command Delete(string roomId, string userId, string messageId) =>
        New(roomId, User(userId), new Command { Delete = new DeleteMessage { MessageId = messageId } });

    public static Command Reply(string roomId, string userId, string content, string replyTo, string clientMsgId = "")
    {
        var command = Send(roomId, userId, content, clientMsgId);
        command.Send.ReplyTo = replyTo;
        return command;
    }

    public static Command Broadcast(string roomId, string userId, string name, string payload = "") => New(roomId, User(userId), new Command
    {
        Broadcast = new BroadcastToRoom { Broadcast = new Broadcast { Event = name, Payload = ByteString.CopyFromUtf8(payload), ConnectionId = "connection-1" } },
    });

    public static Command Pin(string roomId, string userId, string messageId, bool unpin = false) =>
        New(roomId, User(userId), new Command { Pin = new PinMessage { MessageId = messageId, Unpin = unpin } });

    public static Command React(string roomId, string userId, string messageId, string emoji, bool remove = false) => New(roomId, User(userId), new Command
    {
        React = new ReactToMessage { MessageId = messageId, Emoji = emoji, Remove = remove },
    });

    public static Command Read(string roomId, string userId, long seq, bool isExact = false, bool isQuiet = false) =>
        New(roomId, User(userId), new Command { Read = new ReadRoom { Seq = seq, Exact = isExact, Quiet = isQuiet } });

    public static Command Change(
        string roomId, string userId, MemberAction action, string? other = null, string role = "", long untilMs = 0, Grant? grant = null, string actorRole = "user") =>
        New(roomId, User(userId, actorRole, grant), new Command
        {
            ChangeMember = new ChangeMember { Action = action, UserId = other ?? userId, Role = role, UntilMs = untilMs, Reason = "because" },
        });

    public static Command Create(string roomId, string userId, RoomSettings settings) =>
        New(roomId, User(userId), new Command { CreateRoom = new CreateRoom { Settings = settings } });

    public static Command Update(string roomId, string userId, UpdateRoom update, string actorRole = "user") =>
        New(roomId, User(userId, actorRole), new Command { UpdateRoom = update });

    public static Command Direct(string userId, string other, string content, string clientMsgId = "") => New(DirectRooms.IdOf(userId, other), User(userId), new Command
    {
        Send = new SendMessage { MessageId = Guid.CreateVersion7().ToString(), ClientMsgId = clientMsgId, Content = content, DirectTo = other },
    });

    public static Command Report(string roomId, string userId, string messageId) =>
        New(roomId, User(userId), new Command { Report = new ReportMessage { MessageId = messageId, Reason = "rude" } });

    public static Command DeleteRoom(string roomId, string userId) => New(roomId, User(userId), new Command { DeleteRoom = new DeleteRoom() });

    public static Command Subscribe(string roomId, long lastSeq = 0, string epoch = "") =>
        New(roomId, actor: null, new Command { Subscribe = new Subscribe { LastSeq = lastSeq, Epoch = epoch } });

    public static Command Extension(string roomId, string userId, string verb, string body) => New(roomId, User(userId), new Command
    {
        Extension = new Contracts.Extension { Verb = verb, Body = ByteString.CopyFromUtf8(body) },
    });

    /// <summary>Names of rooms, so many of each partition, that begin with <paramref name="prefix"/>.</summary>
    public static string[] RoomsOf(int partition, int count, string prefix = "room") => [.. Enumerable.Range(0, int.MaxValue)
        .Select(number => $"{prefix}-{number}")
        .Where(roomId => Partitioner.PartitionOf(roomId, Partitioner.DefaultPartitions) == partition)
        .Take(count)];

    public static Command Unsubscribe(string roomId) => New(roomId, actor: null, new Command { Unsubscribe = new Unsubscribe() });

    /// <summary>What a newer node might send.</summary>
    public static Command Unknown(string roomId, string userId) => New(roomId, User(userId), new Command());

    private static Command New(string roomId, Actor? actor, Command command)
    {
        command.CommandId = (ulong)Interlocked.Increment(ref _lastId);
        command.RoomId = roomId;
        command.Actor = actor;
        command.SubmittedAtMs = 1;
        return command;
    }
}
