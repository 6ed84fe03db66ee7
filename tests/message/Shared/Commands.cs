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

    public static Command Subscribe(string roomId) => New(roomId, actor: null, new Command { Subscribe = new Subscribe() });

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
