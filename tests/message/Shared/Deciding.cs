using Microsoft.Extensions.Options;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.Partitions;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Pinning;
using Tertulia.Messages.Reacting;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Broadcasting;
using Tertulia.Messages.Deleting;
using Tertulia.Messages.Editing;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Joining;
using Tertulia.Messages.Members;
using Tertulia.Messages.Moderation;
using Tertulia.Messages.Sending;
using Tertulia.Messages.Storage;
using Tertulia.Messages.Subscribing;
using Tertulia.Messages.Verbs;

namespace Tertulia.Messages.Tests;

/// <summary>Rooms and members as they are once loaded.</summary>
internal static class Deciding
{
    public static RoomState Room(string kind = RoomKinds.Open, long lastSeq = 10, int members = 2, string roomId = "lobby")
    {
        var room = new RoomState(roomId, partition: 0);
        room.Load(new RoomHead(roomId, kind, members, lastSeq));
        return room;
    }

    public static SendVerb Sends { get; } = new(Options.Create(new LimitOptions()));

    public static VerbRegistry Verbs { get; } = new(
    [
        Sends, new JoinVerb(Options.Create(new RoomOptions()), Options.Create(new LimitOptions())), new SubscribeVerb(), new UnsubscribeVerb(),
        new EditVerb(Options.Create(new LimitOptions())), new DeleteVerb(), new ReactVerb(), new PinVerb(), new BroadcastVerb(),
        new CreateRoomVerb(Options.Create(new LimitOptions())), new UpdateRoomVerb(), new DeleteRoomVerb(), new MemberVerb(), new ReportVerb(),
    ]);

    public static Flush NewFlush()
    {
        var flush = new Flush(new OwnedPartitions(Options.Create(new LiveBusOptions()), TimeProvider.System), new RecentKeys(capacity: 10));
        flush.Begin("epoch");
        return flush;
    }

    /// <summary>A message as the store has it, with seq 5, for a flush whose commands may name it.</summary>
    public static Message Has(this Flush flush, string messageId, string userId = "ana", string content = "hola", string roomId = "lobby")
    {
        var message = new Message { MessageId = messageId, Seq = 5, UpdatedSeq = 5, UserId = userId, Content = content, Version = 1, CreatedAtMs = 5 };
        flush.LoadMessages([new FoundMessage(roomId, message)]);
        return message;
    }

    /// <summary>Decides the command by its verb.</summary>
    public static void Decide(this Flush flush, in Submitted submitted) => submitted.Verb!.Decide(submitted, flush);

    /// <summary>A user's place in the room, as it was loaded.</summary>
    public static MemberState Has(this RoomState room, string userId, Membership membership)
    {
        var member = room.MemberOf(userId);
        room.Owners += membership.Role == RoomRoles.Owner ? 1 : 0;
        (member.Membership, member.IsLoaded) = (membership, true);
        return member;
    }

    /// <inheritdoc cref="Has(RoomState, string, Membership)"/>
    public static MemberState Has(this RoomState room, string userId, string role) => room.Has(userId, new Membership(role, Banned: false));

    public static RoomState Nowhere(string roomId = "lobby")
    {
        var room = new RoomState(roomId, partition: 0);
        room.Load(head: null);
        return room;
    }

    public static Submitted By(this Command command, RoomState room, string role = "member", bool banned = false, string nodeId = "node-1")
    {
        var member = command.Actor is { } actor ? room.MemberOf(actor.UserId) : null;
        if (member is { IsLoaded: false })
        {
            member.Membership = new Membership(role, banned);
            member.IsLoaded = true;
        }

        return new Submitted(command, Verbs.Find(command), nodeId, room, member, Batch: 0, OwnerEpoch: 77);
    }
}
