using Google.Protobuf;
using Tertulia.Connections.Events;
using Tertulia.Contracts;

namespace Tertulia.MicroBench;

/// <summary>The room of the benchmarks, and what is said in it.</summary>
internal static class Lobby
{
    public const string RoomId = "lobby";
    public const string Epoch = "01234567";
    public const string Content = "Good morning, did anyone see the figures of last week?";

    /// <summary>A message as members are told of it.</summary>
    public static MessageEvent Event { get; } = new(RoomId, Epoch, Message(17));

    /// <summary>An entry of the log.</summary>
    public static RoomEvent Message(long seq) => new()
    {
        Seq = seq,
        CreatedAtMs = 1_900_000_000_000,
        UserId = "ana",
        Username = "Ana",
        Message = new MessageCreated { MessageId = Guid.CreateVersion7().ToString(), ClientMsgId = "c-17", Content = Content, Metadata = ByteString.Empty },
    };
}
