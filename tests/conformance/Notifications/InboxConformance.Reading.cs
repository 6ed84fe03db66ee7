using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Tertulia.Bus;
using Tertulia.Conformance.Stores;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Testing;

namespace Tertulia.Conformance.Notifications;

/// <content>What is read, and the pages of an inbox.</content>
public abstract partial class InboxConformance
{
    [Fact]
    public async Task A_device_that_presence_did_not_know_yet_is_told_two_seconds_later_what_is_so_then()
    {
        List<UserEvent> told = [];
        await using var node = await _services.GetRequiredService<ILiveBus>().ReceiveAsNodeAsync(
            "n1",
            batch =>
            {
                told.AddRange(batch.UserEvents);
                return ValueTask.CompletedTask;
            },
            () => ValueTask.CompletedTask,
            Deadline);
        await FollowAsync([_lobby.Said("ana", "root", "@bruno"), _lobby.Said("ana", "b", "@bruno")]);
        await MarkAsync(new MarkReadRequest { UserId = "bruno", UpToUseq = 1 });
        await MarkThreadAsync("bruno", _lobby.LastSeq);
        _online.Add("bruno");
        _time.Advance(TimeSpan.FromSeconds(1));
        await _late.LookAsync(Deadline);
        _time.Advance(TimeSpan.FromSeconds(1));

        await _late.LookAsync(Deadline);
        await _late.LookAsync(Deadline);

        await Eventually.HoldsAsync(() => told.Count == 2, "the node is told of the counter and of the thread", () => string.Join(", ", told));
        Assert.Equal(1u, told.Single(one => one.NotificationCount is not null).NotificationCount.Unread);
        Assert.Equal(_lobby.LastSeq, told.Single(one => one.ThreadUnread is not null).ThreadUnread.ReadSeq);
    }

    [Fact]
    public async Task Notifications_are_read_one_by_one_up_to_one_and_all()
    {
        await FollowAsync([.. Enumerable.Range(1, 6).Select(i => _lobby.Said("ana", $"m{i}", "@bruno"))]);
        var all = (await ReadAsync("bruno")).Notifications;

        var byId = await MarkAsync(new MarkReadRequest { UserId = "bruno", NotificationIds = { all[0].NotificationId, "unknown" } });
        var upTo = await MarkAsync(new MarkReadRequest { UserId = "bruno", UpToUseq = 2 });
        var again = await MarkAsync(new MarkReadRequest { UserId = "bruno", UpToUseq = 2 });
        Assert.Equal([all[0].NotificationId], byId.NotificationIds);
        Assert.Equal(5U, byId.Unread);
        Assert.Equal((2L, 3U), (upTo.UpToUseq, upTo.Unread));
        Assert.Equal(3U, again.Unread);
        Assert.Equal([3L, 4, 5], (await ReadAsync("bruno", unreadOnly: true)).Notifications.Select(one => one.Useq).Order());

        var everything = await MarkAsync(new MarkReadRequest { UserId = "bruno", All = true });
        Assert.Equal((6L, 0U), (everything.UpToUseq, everything.Unread));
        Assert.All((await ReadAsync("bruno")).Notifications, one => Assert.True(one.Read));
        Assert.Equal(0U, (await MarkAsync(new MarkReadRequest { UserId = "nobody", All = true })).Unread);
    }

    [Fact]
    public async Task Who_has_read_a_room_has_read_what_is_about_it_also_when_it_comes_later()
    {
        RoomEntry[] said = [.. Enumerable.Range(1, 4).Select(i => _lobby.Said("ana", $"m{i}", "@bruno @carla"))];
        await FollowAsync(said[..2]);
        await ReadRoomAsync("bruno", said[0].Event.Seq);
        Assert.Equal(1U, (await ReadAsync("bruno")).Unread);

        await ReadRoomAsync("bruno", said[2].Event.Seq);
        await ReadRoomAsync("bruno", said[0].Event.Seq);
        await FollowAsync(said[2..]);

        Assert.Equal(["mention id-ana-m1", "mention id-ana-m2", "mention id-ana-m4"], await KindsAsync("bruno"));
        Assert.Equal((1U, 4U), ((await ReadAsync("bruno")).Unread, (await ReadAsync("carla")).Unread));
    }

    [Fact]
    public async Task Mentions_that_are_not_read_are_counted_by_room_beside_what_was_chosen_for_it()
    {
        await FollowAsync([_lobby.Said("ana", "m1", "@bruno"), _lobby.Said("ana", "m2", "@bruno"), _lobby.Said("ana", "m3", "@room"), _lobby.Said("ana", "m4", "@carla")]);
        await ReadRoomAsync("bruno", _lobby.LastSeq - 3);
        await SetAsync("bruno", new NotificationPreferences { Rooms = { ["quiet"] = new RoomPreferences { Level = "none", MuteUntilMs = 5 } } });

        var reply = await _grpc.GetRoomNotices(new GetRoomNoticesRequest { UserId = "bruno", RoomIds = { "lobby", "quiet", "nowhere", "lobby" } }, Call());
        var none = await _grpc.GetRoomNotices(new GetRoomNoticesRequest { UserId = "zoe", RoomIds = { "lobby" } }, Call());

        Assert.Equal([new RoomNotices { RoomId = "lobby", Mentions = 2 }, new RoomNotices { RoomId = "quiet", Level = "none", MuteUntilMs = 5 }], reply.Rooms);
        Assert.Empty(none.Rooms);
        Assert.Empty((await _grpc.GetRoomNotices(new GetRoomNoticesRequest { UserId = "zoe" }, Call())).Rooms);
    }

    [Fact]
    public async Task A_server_notifies_users_once_for_each_key()
    {
        var request = new NotifyRequest { UserIds = { "bruno", "eva", "bruno" }, Key = "k1", Title = "Mañana", Body = "Cerrado", Kind = "shop.closed" };
        await SetAsync("eva", new NotificationPreferences { Kinds = { ["shop.closed"] = new KindPreferences { Off = true } } });

        Assert.Equal(1U, (await _grpc.Notify(request, Call())).Notified);
        Assert.Equal(0U, (await _grpc.Notify(request, Call())).Notified);

        Assert.Equal(["1 shop.closed  Mañana: Cerrado"], await InboxAsync("bruno"));
        Assert.Equal("notification", (await ReadAsync("bruno")).Notifications[0].Sound);
        Assert.Empty(await InboxAsync("eva"));
    }

    [Fact]
    public async Task Pages_go_back_from_the_newest_and_old_ones_are_pruned()
    {
        await FollowAsync([.. Enumerable.Range(1, 5).Select(i => _lobby.Said("ana", $"m{i}", "@bruno"))]);

        var first = await _grpc.GetInbox(new GetInboxRequest { UserId = "bruno", Limit = 2 }, Call());
        var second = await _grpc.GetInbox(new GetInboxRequest { UserId = "bruno", Limit = 3, BeforeUseq = 4 }, Call());
        var count = await _grpc.GetInbox(new GetInboxRequest { UserId = "bruno" }, Call());
        Assert.Equal([5L, 4], first.Notifications.Select(one => one.Useq));
        Assert.Equal([3L, 2, 1], second.Notifications.Select(one => one.Useq));
        Assert.Equal((true, false), (first.HasMore, second.HasMore));
        Assert.Equal((5U, 5L, 0), (count.Unread, count.LastUseq, count.Notifications.Count));

        var before = DateTimeOffset.FromUnixTimeMilliseconds(first.Notifications[1].CreatedAtMs);
        Assert.Equal(2, await _inbox.PruneAsync(before, limit: 2, Deadline));
        Assert.Equal(1, await _inbox.PruneAsync(before, limit: 2, Deadline));
        Assert.Equal([5L, 4], (await ReadAsync("bruno")).Notifications.Select(one => one.Useq));
        Assert.Equal(2U, (await ReadAsync("bruno")).Unread);
    }

    [Fact]
    public async Task Many_users_at_once_have_consecutive_positions()
    {
        await Task.WhenAll(Enumerable.Range(0, 12).Select(i => Task.Run(async () => await _grpc.Notify(
            new NotifyRequest { UserIds = { i % 2 == 0 ? ["bruno", "carla", "eva"] : (string[])["eva", "carla", "bruno"] }, Key = $"k{i}", Title = "t" }, Call()))));

        foreach (var user in (string[])["bruno", "carla", "eva"])
        {
            Assert.Equal(Enumerable.Range(1, 12).Select(useq => (long)useq), (await ReadAsync(user)).Notifications.Select(one => one.Useq).Order());
            Assert.Equal(12U, (await ReadAsync(user)).Unread);
        }
    }

    [Theory]
    [InlineData("", 0, 0, false)]
    [InlineData("bruno", 0, 0, false)]
    [InlineData("bruno", 101, 0, false)]
    [InlineData("bruno", 1, 5, false)]
    [InlineData("bruno", 0, 5, true)]
    [InlineData("bru\0no", 1, 0, false)]
    public async Task What_makes_no_sense_is_refused(string userId, int ids, long upTo, bool all)
    {
        var request = new MarkReadRequest { UserId = userId, UpToUseq = upTo, All = all, NotificationIds = { Enumerable.Range(0, ids).Select(i => $"n{i}") } };

        var refused = await Assert.ThrowsAsync<RpcException>(() => MarkAsync(request));

        Assert.Equal(ErrorCode.BadRequest, RpcErrors.ToRefusal(refused).Code);
    }
}
