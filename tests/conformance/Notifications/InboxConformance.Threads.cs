using Grpc.Core;
using Tertulia.Conformance.Stores;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Notifications.Threads;

namespace Tertulia.Conformance.Notifications;

/// <content>Who follows which thread, and what they have not read of it.</content>
public abstract partial class InboxConformance
{
    private const string Root = "id-ana-root";

    [Fact]
    public async Task A_thread_is_followed_by_who_began_it_wrote_in_it_or_is_mentioned_in_it_and_others_replies_are_unread()
    {
        await FollowAsync([_lobby.Said("ana", "root"), _lobby.Said("ana", "other", "@eva a word")]);
        await FollowAsync([InThread("bruno", "r1"), _lobby.Joined("zoe"), InThread("ana", "r2"), InThread("bruno", "r3", "what does @carla say"), InThread("bruno", "r4")]);
        await FollowAsync([Reply(_lobby.Said("bruno", "s1"), root: "id-ana-other", answers: "id-ana-other", of: "ana")]);

        Assert.Equal(["id-ana-other 1", $"{Root} 2"], await ThreadsAsync("ana"));
        Assert.Equal(["id-ana-other 0", $"{Root} 0"], await ThreadsAsync("bruno"));
        Assert.Equal([$"{Root} 2"], await ThreadsAsync("carla"));
        Assert.Equal(["id-ana-other 1"], await ThreadsAsync("eva"));
        Assert.Empty(await ThreadsAsync("zoe"));
        Assert.Equal(["id-ana-other 1", $"{Root} 2"], await ThreadsAsync("ana", unreadOnly: true));
        Assert.Empty(await ThreadsAsync("bruno", unreadOnly: true));
    }

    [Fact]
    public async Task A_mark_moves_up_only_and_deleted_replies_are_not_unread()
    {
        var (first, second, third) = (InThread("bruno", "r1"), InThread("bruno", "r2"), InThread("carla", "r3"));
        await FollowAsync([_lobby.Said("ana", "root"), .. Renumbered(first, second, third)]);

        var read = await MarkThreadAsync("ana", first.Event.Seq);
        Assert.Equal((2u, first.Event.Seq, third.Event.Seq, true), (read.Unread, read.ReadSeq, read.LastSeq, read.Following));
        Assert.Equal(2u, (await MarkThreadAsync("ana", 1)).Unread);
        await FollowAsync([Deleted(second)]);
        Assert.Equal([$"{Root} 1"], await ThreadsAsync("ana"));
        await FollowAsync([Deleted(third)]);
        Assert.Equal([$"{Root} 0"], await ThreadsAsync("ana"));
    }

    [Fact]
    public async Task A_thread_that_never_began_is_not_followed_for_ever()
    {
        await FollowAsync([_lobby.Said("ana", "root", "@carla"), _lobby.Said("ana", "other", "@carla"), InThread("bruno", "r1")]);
        var threads = new FollowedThreads(_store, _inbox);

        Assert.Equal(0, await threads.PruneAsync(DateTimeOffset.FromUnixTimeMilliseconds(1_700_000_000_000), 10, Deadline));
        Assert.Equal(1, await threads.PruneAsync(_time.GetUtcNow(), 10, Deadline));
        Assert.Equal(0, await threads.PruneAsync(_time.GetUtcNow(), 10, Deadline));

        Assert.Null(await _store.ReadAsync(round => round.Threads.FindAsync("id-ana-other", "carla", 10), Deadline));
        Assert.Equal([$"{Root} 1"], await ThreadsAsync("carla"));

        await FollowAsync([_lobby.Wrote("", new RoomEvent { Trimmed = new RoomTrimmed { FirstSeq = _lobby.LastSeq + 1 } })]);
        Assert.Null(await _store.ReadAsync(round => round.Threads.FindAsync(Root, "carla", 10), Deadline));
    }

    [Fact]
    public async Task What_is_read_before_it_is_known_here_stays_read_and_is_not_told()
    {
        await FollowAsync([_lobby.Said("ana", "root")]);
        var reply = InThread("bruno", "r1");
        await MarkThreadAsync("ana", reply.Event.Seq);

        await FollowAsync([reply]);

        Assert.Equal([$"{Root} 0"], await ThreadsAsync("ana"));
        Assert.Empty(await InboxAsync("ana"));
        await FollowAsync([InThread("bruno", "r2")]);
        Assert.Equal([$"{Root} 1"], await ThreadsAsync("ana"));
        Assert.Equal(["reply id-bruno-r2"], await KindsAsync("ana"));
    }

    [Fact]
    public async Task Reading_a_thread_reads_the_notifications_about_its_replies_and_no_others()
    {
        var first = InThread("bruno", "r1");
        await FollowAsync([_lobby.Said("ana", "root"), .. Renumbered(first), _lobby.Said("bruno", "x", "@ana elsewhere"), InThread("carla", "r2")]);
        Assert.Equal(3u, (await ReadAsync("ana")).Unread);

        await MarkThreadAsync("ana", first.Event.Seq);
        Assert.Equal(2u, (await ReadAsync("ana")).Unread);
        await MarkThreadAsync("ana", _lobby.LastSeq);
        Assert.Equal(["mention"], (await ReadAsync("ana", unreadOnly: true)).Notifications.Select(one => one.Kind));
    }

    [Fact]
    public async Task Who_does_not_want_to_follow_is_told_nothing_until_an_own_reply_and_who_chooses_to_has_read_what_is_there()
    {
        await FollowAsync([_lobby.Said("ana", "root"), InThread("bruno", "r1")]);
        Assert.False((await MarkThreadAsync("ana", 0, following: false)).Following);
        Assert.True((await MarkThreadAsync("eva", _lobby.LastSeq, following: true)).Following);

        await FollowAsync([InThread("carla", "r2", "@ana and nobody else")]);

        Assert.Empty(await ThreadsAsync("ana"));
        Assert.Equal([$"{Root} 1"], await ThreadsAsync("eva"));
        Assert.Equal(["thread id-carla-r2"], await KindsAsync("eva"));
        Assert.Equal(["reply id-bruno-r1", "mention id-carla-r2"], await KindsAsync("ana")); // A mention is one.
        await FollowAsync([InThread("ana", "r3"), InThread("bruno", "r4")]);
        Assert.Equal([$"{Root} 1"], await ThreadsAsync("ana"));
    }

    [Fact]
    public async Task Who_is_shut_out_follows_nothing_and_what_is_gone_is_not_unread()
    {
        var kept = InThread("bruno", "r2");
        await FollowAsync([_lobby.Said("ana", "root"), InThread("bruno", "r1"), InThread("carla", "c1"), InThread("eva", "e1")]);
        await FollowAsync([Gone("carla", MemberAction.Kick), Gone("eva", MemberAction.Ban, banned: true)]);
        await FollowAsync([_lobby.Joined("carla"), .. Renumbered(kept)]);
        Assert.Empty(await ThreadsAsync("carla"));
        Assert.Empty(await ThreadsAsync("eva"));
        Assert.Equal([$"{Root} 4"], await ThreadsAsync("ana"));

        await FollowAsync([_lobby.Wrote("", new RoomEvent { Trimmed = new RoomTrimmed { FirstSeq = kept.Event.Seq } })]);
        Assert.Equal([$"{Root} 1"], await ThreadsAsync("ana"));
        await FollowAsync([_lobby.Wrote("ana", new RoomEvent { RoomDeleted = new RoomDeleted() })]);
        Assert.Empty(await ThreadsAsync("ana"));
    }

    [Fact]
    public async Task A_mention_by_an_edit_is_one()
    {
        var (root, reply) = (_lobby.Said("ana", "root"), InThread("bruno", "r1"));
        await FollowAsync([root, reply]);
        await FollowAsync([OfSeq(Edit(_lobby.Said("ana", "e1"), Root, "@eva look"), root.Event.Seq), OfSeq(Edit(_lobby.Said("bruno", "e2"), "id-bruno-r1", "@carla"), reply.Event.Seq)]);

        Assert.Equal([$"{Root} 1"], await ThreadsAsync("eva"));
        Assert.Equal([$"{Root} 1"], await ThreadsAsync("carla"));
    }

    [Fact]
    public async Task A_store_that_went_back_has_its_threads_as_they_come_again()
    {
        await FollowAsync([_lobby.Said("ana", "root"), InThread("bruno", "r1"), InThread("bruno", "r2")]);
        await MarkThreadAsync("ana", _lobby.LastSeq);

        await FollowAsync("two", [.. new RoomScript("lobby").Opening(messages: 0), InThread("bruno", "r1")]);

        Assert.Equal([$"{Root} 1"], await ThreadsAsync("ana"));
    }

    [Fact]
    public async Task Pages_of_threads_have_each_once_those_first_that_were_answered_last()
    {
        string[] roots = [.. Enumerable.Range(0, 5).Select(i => $"id-ana-root{i}")];
        await FollowAsync(roots.Select((root, i) => Reply(_lobby.Said("bruno", $"r{i}"), root, root, "ana")));
        List<string> all = [];
        var cursor = "";
        do
        {
            var page = await _grpc.ListThreads(new ListThreadsRequest { UserId = "ana", Limit = 2, Cursor = cursor }, Call());
            all.AddRange(page.Threads.Select(thread => thread.RootId));
            cursor = page.Cursor;
            Assert.Equal(page.HasMore, cursor.Length > 0);
        }
        while (cursor.Length > 0);

        Assert.Equal(roots.Reverse(), all);
    }

    [Theory]
    [InlineData("", "lobby", 1)]
    [InlineData("ana", "", 1)]
    [InlineData("ana", "lob\0by", 1)]
    [InlineData("ana", "lobby", -1)]
    public async Task A_mark_of_a_thread_that_makes_no_sense_is_refused(string userId, string roomId, long seq)
    {
        var request = new MarkThreadRequest { UserId = userId, RoomId = roomId, RootId = Root, ReadSeq = seq };

        Assert.Equal(ErrorCode.BadRequest, RpcErrors.ToRefusal(await Assert.ThrowsAsync<RpcException>(() => _grpc.MarkThread(request, Call()))).Code);
    }

    [Theory]
    [InlineData("nonsense", 50)]
    [InlineData("1.", 50)]
    [InlineData("x.y", 50)]
    [InlineData("", 0)]
    [InlineData("", 101)]
    public async Task A_page_of_threads_that_makes_no_sense_is_refused(string cursor, uint limit)
    {
        var request = new ListThreadsRequest { UserId = "ana", Cursor = cursor, Limit = limit };

        Assert.Equal(ErrorCode.BadRequest, RpcErrors.ToRefusal(await Assert.ThrowsAsync<RpcException>(() => _grpc.ListThreads(request, Call()))).Code);
    }

    private RoomEntry InThread(string userId, string key, string content = "hola") =>
        Reply(_lobby.Said(userId, key, content), root: Root, answers: Root, of: "ana");

    // Written before what they follow was: they come after it.
    private RoomEntry[] Renumbered(params RoomEntry[] entries)
    {
        foreach (var entry in entries)
        {
            entry.Event.Seq = ++_lobby.LastSeq;
        }

        return entries;
    }

    private RoomEntry Deleted(RoomEntry said)
    {
        var deleted = Delete(_lobby.Said(said.Event.UserId, $"d{_lobby.LastSeq}"), said.Event.Message.MessageId);
        deleted.Event.Deleted.MessageSeq = said.Event.Seq;
        return deleted;
    }

    private static RoomEntry OfSeq(RoomEntry edit, long seq)
    {
        edit.Event.Edited.MessageSeq = seq;
        return edit;
    }

    private async Task<ThreadUnread> MarkThreadAsync(string userId, long seq, bool? following = null)
    {
        var request = new MarkThreadRequest { UserId = userId, RoomId = "lobby", RootId = Root, ReadSeq = seq };
        if (following is { } chosen)
        {
            request.Following = chosen;
        }

        return await _grpc.MarkThread(request, Call());
    }

    private async Task<List<string>> ThreadsAsync(string userId, bool unreadOnly = false)
    {
        var page = await _grpc.ListThreads(new ListThreadsRequest { UserId = userId, Limit = 100, UnreadOnly = unreadOnly }, Call());
        return [.. page.Threads.Select(thread => $"{thread.RootId} {thread.Unread}")];
    }
}
