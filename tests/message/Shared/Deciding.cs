using Microsoft.Extensions.Options;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Messages.Partitions;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Sending;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Tests;

/// <summary>Rooms and members as they are once loaded.</summary>
internal static class Deciding
{
    public static RoomState Room(string kind = RoomRules.Open, long lastSeq = 10, int members = 2, string roomId = "lobby")
    {
        var room = new RoomState(roomId, partition: 0);
        room.Load(new RoomHead(roomId, kind, members, lastSeq));
        return room;
    }

    public static Flush NewFlush() => new("epoch", new OwnedPartitions(Options.Create(new LiveBusOptions()), TimeProvider.System));

    public static RoomState Nowhere(string roomId = "lobby")
    {
        var room = new RoomState(roomId, partition: 0);
        room.Load(head: null);
        return room;
    }

    extension(Flush flush)
    {
        /// <summary>What is to be appended, room after room.</summary>
        public List<LogEntry> Entries => [.. flush.Appends.SelectMany(append => append.Entries)];
    }

    public static Submitted By(this Command command, RoomState room, string role = "member", bool banned = false, string nodeId = "node-1")
    {
        var member = command.Actor is { } actor ? room.MemberOf(actor.UserId) : null;
        if (member is { IsLoaded: false })
        {
            member.Membership = new Membership(role, banned);
            member.IsLoaded = true;
        }

        return new Submitted(command, nodeId, room, member, Batch: 0, OwnerEpoch: 77);
    }
}
