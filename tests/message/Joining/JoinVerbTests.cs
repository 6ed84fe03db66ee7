using Microsoft.Extensions.Options;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Joining;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Tests.Joining;

public sealed class JoinVerbTests
{
    private static readonly Grant Reader = new() { Read = true };
    private readonly Flush _flush = Deciding.NewFlush();
    private readonly LimitOptions _limits = new();

    [Fact]
    public void A_room_that_does_not_exist_is_created_and_owned()
    {
        var room = Deciding.Nowhere();

        Decide(Commands.Join("lobby", "ana").By(room, role: ""));

        Assert.Equal([RoomEvent.BodyOneofCase.Room, RoomEvent.BodyOneofCase.Member], room.Entries!.Select(entry => entry.Event.BodyCase));
        Assert.Equal(new Joined { Epoch = "epoch", Seq = 2, OwnerEpoch = 77, Members = 1, Role = "owner", Kind = RoomKinds.Open }, Assert.Single(_flush.Replies).Reply.Joined);
        Assert.Equal(["node-1"], room.Subscribers);
    }

    [Fact]
    public void Where_rooms_are_not_created_by_joining_it_is_not_found()
    {
        Decide(Commands.Join("lobby", "ana").By(Deciding.Nowhere(), role: ""), createOnJoin: false);

        AssertRefused(ErrorCode.RoomNotFound);
    }

    [Fact]
    public void Whoever_enters_an_open_room_becomes_a_member()
    {
        var room = Deciding.Room(lastSeq: 10, members: 2);

        Decide(Commands.Join("lobby", "bruno").By(room, role: ""));

        var changed = Assert.Single(room.Entries!).Event;
        Assert.Equal(new MemberChanged { UserId = "bruno", Username = "BRUNO", Role = "member", Members = 3, Action = MemberAction.Enter }, changed.Member);
        Assert.Equal(11, _flush.Replies[0].Reply.Joined.Seq);
    }

    [Theory]
    [InlineData(RoomKinds.Open, 200, true)]
    [InlineData(RoomKinds.Open, 199, false)]
    [InlineData(RoomKinds.Auditorium, 2, true)]
    public void Who_enters_a_large_room_or_an_auditorium_is_not_told(string kind, int members, bool quiet)
    {
        var room = Deciding.Room(kind: kind, lastSeq: 10, members: members);

        Decide(Commands.Join("lobby", "bruno").By(room, role: ""));

        Assert.Equal(quiet, Assert.Single(room.Entries!).Event.Member.Quiet);
    }

    [Fact]
    public void Whether_somebody_may_stay_is_answered_and_makes_nobody_a_member()
    {
        var room = Deciding.Room();
        Decide(Stays(Commands.Join("lobby", "ana")).By(room, role: "moderator"));
        Decide(Stays(Commands.Join("lobby", "bruno")).By(room, role: ""));
        Decide(Stays(Commands.Join("lobby", "carla", Reader)).By(room, role: ""));
        Decide(Stays(Commands.Join("lobby", "dora")).By(room, banned: true));
        Decide(Stays(Commands.Join("nowhere", "eva")).By(Deciding.Nowhere(), role: ""));

        Assert.Equal("moderator", _flush.Replies[0].Reply.Joined.Role);
        Assert.Equal(ErrorCode.NotMember, _flush.Replies[1].Reply.Refused.Code);
        Assert.NotNull(_flush.Replies[2].Reply.Joined);
        Assert.Equal([ErrorCode.Banned, ErrorCode.RoomNotFound], _flush.Replies.Skip(3).Select(reply => reply.Reply.Refused.Code));
        Assert.Empty(Entries);

        static Command Stays(Command join)
        {
            join.Join.Stays = true;
            return join;
        }
    }

    [Fact]
    public void A_member_enters_again_and_nothing_is_written()
    {
        Decide(Commands.Join("lobby", "ana").By(Deciding.Room(), role: "moderator"));

        Assert.Empty(Entries);
        Assert.Equal("moderator", _flush.Replies[0].Reply.Joined.Role);
    }

    [Fact]
    public void A_private_room_lets_in_its_members_and_nobody_else()
    {
        Decide(Commands.Join("lobby", "ana").By(Deciding.Room(RoomKinds.Private)));
        Assert.Equal(CommandReply.OutcomeOneofCase.Joined, Assert.Single(_flush.Replies).Reply.OutcomeCase);
        _flush.Begin("epoch");

        Decide(Commands.Join("lobby", "bruno").By(Deciding.Room(RoomKinds.Private), role: ""));
        AssertRefused(ErrorCode.Forbidden);
    }

    [Fact]
    public void A_token_lets_into_a_private_room_without_making_a_member()
    {
        Decide(Commands.Join("lobby", "bruno", Reader).By(Deciding.Room(RoomKinds.Private), role: ""));

        Assert.Empty(Entries);
        Assert.Equal("", _flush.Replies[0].Reply.Joined.Role);
    }

    [Fact]
    public void A_token_without_reading_does_not_let_in_not_even_a_member()
    {
        Decide(Commands.Join("lobby", "ana", new Grant { Write = true }).By(Deciding.Room()));

        AssertRefused(ErrorCode.Forbidden);
    }

    [Fact]
    public void Who_is_banned_stays_out()
    {
        var room = Deciding.Room();

        Decide(Commands.Join("lobby", "ana", Reader).By(room, banned: true));

        AssertRefused(ErrorCode.Banned);
        Assert.Empty(room.Subscribers);
    }

    [Fact]
    public void Two_who_enter_in_one_flush_are_counted_one_after_the_other()
    {
        var room = Deciding.Nowhere();

        Decide(Commands.Join("lobby", "ana").By(room, role: ""));
        Decide(Commands.Join("lobby", "bruno").By(room, role: "", nodeId: "node-2"));

        Assert.Equal(["owner", "member"], _flush.Replies.Select(reply => reply.Reply.Joined.Role));
        Assert.Equal([1u, 2u], _flush.Replies.Select(reply => reply.Reply.Joined.Members));
        Assert.Equal(["node-1", "node-2"], Assert.Single(_flush.Seal("epoch").Topologies).Receivers);
    }

    [Fact]
    public void What_an_earlier_delivery_of_the_command_wrote_is_published_again()
    {
        var submitted = Commands.Join("lobby", "ana").By(Deciding.Room(lastSeq: 12), role: "owner");
        HashSet<EntryKey> keys = [];
        submitted.Verb!.AddKeys(submitted, keys);
        var seq = 0;
        foreach (var key in keys)
        {
            _flush.Known[key] = new RoomEvent { Seq = ++seq };
        }

        Decide(submitted);

        Assert.Empty(Entries);
        Assert.Equal([1, 2], Assert.Single(_flush.Seal("epoch").Rooms).Events.Events.Select(published => published.Seq));
    }

    [Fact]
    public void Rooms_that_are_created_in_one_flush_count_as_they_are_decided()
    {
        _flush.NowMs = 10_000;
        _flush.Creations.Load(new Dictionary<string, CreatedRooms> { ["ana"] = new(Total: 500, Recent: 18, OldestRecentMs: 4_000) });

        for (var i = 0; i < 3; i++)
        {
            Decide(Commands.Join($"room-{i}", "ana").By(Deciding.Nowhere($"room-{i}"), role: ""));
        }

        Decide(Commands.Join("room-3", "bruno").By(Deciding.Nowhere("room-3"), role: ""));
        Assert.Equal(["owner", "owner", null, "owner"], _flush.Replies.Select(reply => reply.Reply.Joined?.Role));
        var refused = _flush.Replies[2].Reply.Refused;
        Assert.Equal((ErrorCode.RateLimited, (uint)(4_000 + RoomCreations.HourMs - 10_000)), (refused.Code, refused.RetryAfterMs));
    }

    [Theory]
    [InlineData(1_000, 0, 1_000, ErrorCode.LimitExceeded)]
    [InlineData(999, 0, 1_000, ErrorCode.Unspecified)]
    [InlineData(5_000, 0, 0, ErrorCode.Unspecified)]
    public void What_a_user_has_created_in_all_is_limited_and_0_means_unlimited(int total, int perHour, int perUser, ErrorCode expected)
    {
        (_limits.RoomsCreatedPerHour, _limits.RoomsCreatedPerUser) = (perHour, perUser);
        _flush.Creations.Load(new Dictionary<string, CreatedRooms> { ["ana"] = new(total, Recent: 100, OldestRecentMs: 1) });

        Decide(Commands.Join("lobby", "ana").By(Deciding.Nowhere(), role: ""));

        Assert.Equal(expected, Assert.Single(_flush.Replies).Reply.Refused?.Code ?? ErrorCode.Unspecified);
    }

    [Fact]
    public void Entering_rooms_that_exist_and_services_are_not_limited()
    {
        _flush.Creations.Load(new Dictionary<string, CreatedRooms> { ["ana"] = new(1_000, 1_000, 1), ["bot"] = new(1_000, 1_000, 1) });
        var service = Commands.Join("lobby", "bot");
        service.Actor.Role = "service";

        Decide(Commands.Join("other", "ana").By(Deciding.Room(roomId: "other"), role: ""));
        Decide(service.By(Deciding.Nowhere(), role: ""));

        Assert.Equal(["member", "owner"], _flush.Replies.Select(reply => reply.Reply.Joined.Role));
    }

    private IEnumerable<LogEntry> Entries => _flush.Touched.SelectMany(room => room.Entries ?? []);

    private void Decide(in Submitted submitted, bool createOnJoin = true) =>
        new JoinVerb(Options.Create(new RoomOptions { CreateOnJoin = createOnJoin }), Options.Create(_limits)).Decide(submitted, _flush);

    private void AssertRefused(ErrorCode code)
    {
        Assert.Equal(code, Assert.Single(_flush.Replies).Reply.Refused.Code);
        Assert.Empty(Entries);
    }
}
