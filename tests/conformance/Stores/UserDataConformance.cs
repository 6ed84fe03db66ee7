using System.Text;
using Google.Protobuf;
using Tertulia.Contracts;
using Tertulia.Messages.Storage;

namespace Tertulia.Conformance.Stores;

/// <summary>What the rooms know of a user: found, taken out, and how far that is.</summary>
public abstract class UserDataConformance(IStoreDatabase database) : StoreConformance(database)
{
    private const long Now = 1_900_000_000_000;

    private readonly RoomScript _lobby = new("lobby");

    private IUserData Data => field ??= Database.OpenUserData();

    private IErasures Erasures => field ??= Database.OpenErasures();

    [Fact]
    public async Task Rooms_are_found_in_which_the_user_wrote_or_has_a_place()
    {
        var (written, joined, gone) = (new RoomScript("a-written"), new RoomScript("b-joined"), new RoomScript("c-gone"));
        await AppendedAsync([
            .. _lobby.Opening(messages: 1), .. written.Opening(messages: 0), written.Said("bruno", "b1"), .. joined.Opening(messages: 0), joined.Joined("bruno"),
            .. gone.Opening(messages: 0), gone.Said("bruno", "b2"), gone.Wrote("ana", new RoomEvent { RoomDeleted = new RoomDeleted() }),
        ]);

        var all = await Data.ListRoomsAsync("", 3, Deadline);
        var found = await Data.FindRoomsAsync("bruno", ["a-written", "b-joined", "c-gone", "lobby", "nowhere"], Deadline);

        Assert.Equal(["a-written", "b-joined", "c-gone"], all.Items);
        Assert.True(all.HasMore);
        Assert.Equal(["lobby"], (await Data.ListRoomsAsync("c-gone", 3, Deadline)).Items);
        Assert.Equal([new UserRoom("a-written", false, 3), new("b-joined", false, 3), new("c-gone", true, 4)], found);
    }

    [Fact]
    public async Task What_the_user_wrote_is_read_by_its_keys_in_its_present_state()
    {
        var opening = _lobby.Opening(messages: 3);
        await AppendedAsync([.. opening, _lobby.Said("bruno", "b1"), _lobby.Edited(opening[3], "edited")]);
        await AppendedAsync(_lobby.Wrote("ana", new RoomEvent { Reported = new MessageReported { MessageId = "id-bruno-b1", Reason = "spam" } }));

        var all = await Data.ListEntriesAsync("lobby", "ana", "", ReadLimit.Of(100), Deadline);
        var rest = await Data.ListEntriesAsync("lobby", "ana", "m1", ReadLimit.Of(1), Deadline);

        Assert.Equal(["content 1", "edited", "content 3"], all.Items.Where(entry => entry.Message is not null).Select(entry => entry.Message!.Content));
        Assert.Equal("spam", Assert.Single(all.Items, entry => entry.Entry?.Reported is not null).Entry!.Reported.Reason);
        Assert.Equal(("m2", true), (Assert.Single(rest.Items).Key, rest.HasMore));
        Assert.Empty((await Data.ListEntriesAsync("lobby", "nobody", "", ReadLimit.Of(100), Deadline)).Items);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Names_and_texts_are_taken_out_of_a_part_of_the_log_and_nothing_of_others_is(bool keepsMessages)
    {
        var opening = _lobby.Opening(messages: 3); // Seqs 3 to 5.
        await AppendedAsync([.. opening, _lobby.Joined("bruno"), _lobby.Said("bruno", "b1", "his")]);
        await AppendedAsync(
            _lobby.Edited(opening[2], "edited"),
            _lobby.Wrote("bruno", new RoomEvent { Member = new MemberChanged { UserId = "ana", Username = "Ana María", Role = "owner", Members = 2 } }));

        Assert.Equal(["id-ana-m1", "id-ana-m2"], await Data.FindMessagesAsync("lobby", "ana", 0, 4, Deadline));
        await Data.EraseAsync("lobby", "ana", 0, 4, keepsMessages, Deadline);
        await Data.EraseAsync("lobby", "ana", 5, 100, keepsMessages, Deadline);
        await Data.ForgetAsync("lobby", "ana", Deadline);

        var log = (await LogAsync("lobby"))!.Events;
        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8, 9], log.Select(entry => entry.Seq));
        Assert.Equal(keepsMessages ? "content 2" : "", log[3].Message.Content);
        Assert.Equal(("content 3", "ANA"), (log[4].Message.Content, log[4].Username)); // Of the part that was left out.
        Assert.Equal(("his", "BRUNO"), (log[6].Message.Content, log[6].Username));
        Assert.DoesNotContain("María", Encoding.UTF8.GetString(log.SelectMany(entry => entry.ToByteArray()).ToArray()));
        Assert.Equal(["", "", "ANA"], log.Skip(2).Take(3).Select(entry => entry.Username));
        var changed = (await Store.ReadPageAsync(new MemberKey("lobby", "bruno"), HistoryRange.BeforeSeq(4), ReadLimit.Of(10), Deadline))!.Messages;
        Assert.Equal(("", "edited"), (Assert.Single(changed).Username, changed[0].Content)); // Deleting it is an entry's business.
        Assert.Equal("", Assert.Single((await Database.OpenReads().ListMembersAsync("lobby", "", false, Now, 10, Deadline)).Items, user => user.UserId == "ana").Username);
    }

    [Fact]
    public async Task A_deletion_is_begun_once_goes_on_where_it_was_and_is_begun_anew_when_it_is_done()
    {
        await Erasures.BeginAsync(new Erasure("ana", "root", KeepsMessages: true, Now), 2, Record("1"), Deadline);
        await Erasures.BeginAsync(new Erasure("ana", "boss", KeepsMessages: false, Now + 1), 2, Record("2"), Deadline);
        await Erasures.MoveAsync("ana", new ErasurePart(1, "lobby", 42, IsDone: false), Deadline);
        await Erasures.NoteAsync("ana", ErasureStep.Rooms, Now + 2, Deadline);

        Assert.Equal(new Erasure("ana", "root", true, Now, RoomsDone: true), Assert.Single(await Database.OpenErasures().ListOpenAsync(10, Deadline)));
        Assert.Equal([new(0, "", long.MaxValue, false), new ErasurePart(1, "lobby", 42, false)], await Erasures.ReadPartsAsync("ana", Deadline));
        Assert.Equal("1", Assert.Single(await Database.OpenAudit().ReadAsync(new AuditFilter("", "", "", ""), long.MaxValue, "", 10, Deadline)).Id);

        await Erasures.NoteAsync("ana", ErasureStep.Presence, Now + 3, Deadline);
        await Erasures.NoteAsync("ana", ErasureStep.Notifications, Now + 4, Deadline);
        await Erasures.NoteAsync("ana", ErasureStep.All, Now + 5, Deadline);
        Assert.Equal(new Erasure("ana", "root", true, Now, true, true, true, Now + 5), await Erasures.FindAsync("ana", Deadline));
        Assert.Empty(await Erasures.ListOpenAsync(10, Deadline));

        await Erasures.BeginAsync(new Erasure("ana", "boss", KeepsMessages: false, Now + 6), 16, Record("3"), Deadline);
        Assert.Equal(new Erasure("ana", "boss", false, Now + 6), await Erasures.FindAsync("ana", Deadline));
        Assert.Equal(Enumerable.Range(0, 16).Select(partition => new ErasurePart(partition, "", long.MaxValue, false)), await Erasures.ReadPartsAsync("ana", Deadline));
        Assert.Null(await Erasures.FindAsync("nobody", Deadline));
    }

    private static AuditRecord Record(string id) => new(id, Now, "root", "user_deleted", "", "ana", "");
}
