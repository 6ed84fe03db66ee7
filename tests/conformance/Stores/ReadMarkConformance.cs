using Tertulia.Messages.Storage;

namespace Tertulia.Conformance.Stores;

/// <summary>How far users have read: marks, own messages, and what is unread after them.</summary>
public abstract class ReadMarkConformance(IStoreDatabase database) : StoreConformance(database)
{
    private static readonly MemberKey Ana = new("lobby", "ana");
    private static readonly MemberKey Bruno = new("lobby", "bruno");

    [Fact]
    public async Task Who_becomes_a_member_has_read_what_was_said_before()
    {
        var lobby = new RoomScript("lobby");
        await AppendedAsync([.. lobby.Opening(messages: 3), lobby.Joined("bruno"), lobby.Said("ana", "m4"), lobby.Said("ana", "m5")]);

        Assert.Equal(new ReadState(Seq: 6, MessagesRead: 3, LastSeq: 8, Messages: 5), await StateAsync(Bruno));
        Assert.Equal(2, (await StateAsync(Bruno)).Unread);
        Assert.Equal(2, await Marks.CountUnreadAsync("bruno", Deadline));
    }

    [Fact]
    public async Task A_mark_moves_up_and_never_down_unless_it_is_exact()
    {
        await LobbyAsync(messages: 10);

        await WriteAsync(Mark(Bruno, 8));
        Assert.Equal((8, 5), Position(await StateAsync(Bruno)));
        await WriteAsync(Mark(Bruno, 5));
        Assert.Equal((8, 5), Position(await StateAsync(Bruno)));
        await WriteAsync(Mark(Bruno, 5, isExact: true));
        Assert.Equal((5, 8), Position(await StateAsync(Bruno)));
        await WriteAsync(Mark(Bruno, 13));
        Assert.Equal((13, 0), Position(await StateAsync(Bruno)));
    }

    [Fact]
    public async Task Entries_that_are_no_messages_do_not_count()
    {
        var lobby = await LobbyAsync(messages: 1);
        var said = lobby.Said("ana", "x");
        await AppendedAsync(said, lobby.Joined("carla"), lobby.Edited(said, "y"), lobby.Joined("dora"));

        await WriteAsync(Mark(Bruno, 4));

        Assert.Equal((4, 1), Position(await StateAsync(Bruno)));
    }

    [Fact]
    public async Task Writing_reads_what_is_above()
    {
        var lobby = await LobbyAsync(messages: 4);
        await AppendedAsync(lobby.Said("bruno", "b1"), lobby.Said("ana", "after"));

        Assert.Equal((8, 1), Position(await StateAsync(Bruno)));
        Assert.Equal(1, await Marks.CountUnreadAsync("bruno", Deadline));
    }

    [Fact]
    public async Task What_was_marked_unread_stays_so_below_ones_own_messages_until_it_is_read()
    {
        var lobby = await LobbyAsync(messages: 4);
        await AppendedAsync(lobby.Said("bruno", "b1"), lobby.Said("ana", "after"));

        await WriteAsync(Mark(Bruno, 4, isExact: true, lastSeq: 9));
        Assert.Equal((4, 5), Position(await StateAsync(Bruno)));
        await WriteAsync(Mark(Bruno, 5));
        Assert.Equal((5, 4), Position(await StateAsync(Bruno)));
        await AppendedAsync(lobby.Said("bruno", "b2"));
        Assert.Equal((10, 0), Position(await StateAsync(Bruno)));
    }

    [Fact]
    public async Task Own_messages_far_from_the_rooms_end_do_not_move_the_position()
    {
        var lobby = await LobbyAsync(messages: 0);
        await AppendedAsync([lobby.Said("bruno", "b1"), .. Enumerable.Range(0, IReadMarks.OwnMessagesWithin).Select(i => lobby.Said("ana", $"m{i}"))]);

        Assert.Equal((3, IReadMarks.OwnMessagesWithin + 1), Position(await StateAsync(Bruno)));
    }

    [Fact]
    public async Task A_membership_that_ends_takes_the_mark_with_it()
    {
        var lobby = await LobbyAsync(messages: 2);
        await WriteAsync(Mark(Bruno, 5));
        await AppendedAsync(lobby.Joined("bruno", role: ""));
        Assert.Equal((0, 2), Position(await StateAsync(Bruno)));

        await AppendedAsync(lobby.Said("ana", "meanwhile"), lobby.Joined("bruno"), lobby.Said("ana", "now"));

        Assert.Equal((8, 1), Position(await StateAsync(Bruno)));
    }

    [Fact]
    public async Task Another_role_does_not_read_anything()
    {
        var lobby = await LobbyAsync(messages: 2);
        await AppendedAsync(lobby.Joined("bruno", role: "moderator"));

        Assert.Equal((3, 2), Position(await StateAsync(Bruno)));
    }

    [Fact]
    public async Task Many_marks_of_many_rooms_are_written_and_read_together()
    {
        var rooms = Enumerable.Range(0, 20).Select(i => new RoomScript($"room-{i:00}")).ToArray();
        await AppendedAsync(rooms.SelectMany(room => room.Opening(messages: 5).Append(room.Joined("bruno")).Append(room.Said("ana", "last"))));
        var readers = rooms.SelectMany(room => new MemberKey[] { new(room.RoomId, "ana"), new(room.RoomId, "bruno") }).ToArray();

        await Marks.WriteAsync([.. readers.Select((reader, i) => new ReadMark(reader, i % 2 == 0 ? 4 : 9, LastSeq: 9, IsExact: i % 4 == 0))], Deadline);
        var states = await Marks.ReadAsync([.. readers, new("nowhere", "ana"), new("room-00", "stranger")], Deadline);

        Assert.Equal(readers.Length + 1, states.Count);
        Assert.All(rooms, room => Assert.Equal(0, states[new(room.RoomId, "bruno")].Unread));
        Assert.Equal(Enumerable.Range(0, 20).Select(i => i % 2 == 0 ? 4L : 0L), rooms.Select(room => states[new(room.RoomId, "ana")].Unread));
        Assert.Equal((0, 6), Position(states[new("room-00", "stranger")]));
        Assert.Equal(0, await Marks.CountUnreadAsync("bruno", Deadline));
        Assert.Equal(10 * 4, await Marks.CountUnreadAsync("ana", Deadline));
    }

    [Fact]
    public async Task Marks_of_two_writers_at_once_all_count()
    {
        await LobbyAsync(messages: 100);
        var other = Database.OpenMarks();

        await Task.WhenAll(ReadOnAsync(Marks, [Bruno, Ana]), ReadOnAsync(other, [Ana, Bruno]));

        Assert.Equal((103, 0), Position(await StateAsync(Bruno)));

        static async Task ReadOnAsync(IReadMarks marks, MemberKey[] readers)
        {
            for (var seq = 4; seq <= 103; seq++)
            {
                await marks.WriteAsync([.. readers.Select(reader => Mark(reader, seq))], Deadline);
            }
        }
    }

    private IReadMarks Marks => field ??= Database.OpenMarks();

    private static (long Seq, long Unread) Position(ReadState state) => (state.Seq, state.Unread);

    private static ReadMark Mark(MemberKey reader, long seq, bool isExact = false, long lastSeq = 13) => new(reader, seq, lastSeq, isExact);

    // 1 the room, 2 Ana, 3 Bruno, then messages.
    private async Task<RoomScript> LobbyAsync(int messages)
    {
        var lobby = new RoomScript("lobby");
        await AppendedAsync([.. lobby.Opening(messages: 0), lobby.Joined("bruno"), .. Enumerable.Range(1, messages).Select(i => lobby.Said("ana", $"m{i}"))]);
        return lobby;
    }

    private Task WriteAsync(params ReadMark[] marks) => Marks.WriteAsync(marks, Deadline);

    private async Task<ReadState> StateAsync(MemberKey reader) => Assert.Single(await Marks.ReadAsync([reader], Deadline)).Value;
}
