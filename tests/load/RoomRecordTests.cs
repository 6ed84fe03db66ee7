using System.Globalization;
using System.Text;
using Tertulia.Load.Dialects;
using Tertulia.Load.Traffic;
using Tertulia.Testing;
using ChatClient = Tertulia.Load.Traffic.ChatClient;

namespace Tertulia.Load.Tests;

/// <summary>What is recorded at a high rate is what the checker needs to find a fault.</summary>
public sealed class RoomRecordTests
{
    private readonly TertuliaDialect _dialect = new();
    private readonly Room _room = new(number: 7, size: 2) { Record = new RoomRecord() };
    private readonly Tally _tally = new();
    private readonly ChatClient[] _members;

    public RoomRecordTests()
    {
        _members = [Member(0), Member(1)];
        foreach (var member in _members)
        {
            _dialect.OnText(member, """{"type":"connected","room_id":"room-7","seq":4,"epoch":"e","data":{}}"""u8);
        }
    }

    [Fact]
    public void Members_who_saw_the_same_share_it_and_the_checker_is_content()
    {
        Show(0, Message(5, "a", 0), Message(6, "b", 1));
        Show(1, Message(5, "a", 0), Message(6, "b", 1));
        Acknowledge(0, seq: 5, id: "a");

        Assert.Same(_members[0].Shown[1], _members[1].Shown[1]);
        Assert.Equal(new AcknowledgedMessage("n00000700000000", "a", 5), Assert.Single(_members[0].Acknowledged));
        Assert.Empty(Check(history: _members[0].Shown));
    }

    [Fact]
    public void A_message_that_one_member_never_saw_is_found() =>
        Assert.Contains("user-1: was never shown seq 6", Check(history: ShowBoth(skip: 6)));

    [Fact]
    public void What_a_member_was_told_to_read_from_the_history_is_read_there_in_its_place()
    {
        Show(0, Message(5, "a", 0), Message(6, "b", 1), Message(7, "c", 1));
        Show(1, Message(5, "a", 0));
        _dialect.OnText(_members[1], """{"type":"gap","room_id":"room-7","epoch":"e","data":{"room_id":"room-7","from_seq":6,"to_seq":6}}"""u8);
        Show(1, Message(7, "c", 1));

        Assert.Equal([5, 6, 7], _members[1].Shown.ReadGaps(_members[0].Shown).Select(message => message.Seq));
        Assert.Equal(1, _members[1].Shown.LeftOut);
        Assert.Equal([5, 7], _members[1].Shown.ReadGaps([]).Select(message => message.Seq)); // A history without it heals nothing.
    }

    [Fact]
    public void Another_content_at_a_seq_is_found()
    {
        Show(0, Message(5, "a", 0));
        Show(1, Message(5, "z", 0));

        Assert.Contains(Check(history: _members[0].Shown), violation => violation.StartsWith("user-1: was shown", StringComparison.Ordinal));
    }

    [Fact]
    public void A_message_that_was_acknowledged_and_is_not_in_the_history_is_found()
    {
        Acknowledge(0, seq: 9, id: "gone");

        Assert.Contains("user-0: acknowledged n00000700000000 at seq 9 is lost", Check(history: ShowBoth(skip: 0)));
    }

    private static byte[] Message(long seq, string id, int sender)
    {
        var text = new byte[Stamp.Length];
        new Stamp(7, sender, 0, 0).Write(text);
        return Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture,
            $$$"""{"type":"message","room_id":"room-7","seq":{{{seq}}},"data":{"id":"{{{id}}}","seq":{{{seq}}},"user_id":"user-{{{sender}}}","client_msg_id":"n00000700000000","content":"{{{Encoding.ASCII.GetString(text)}}}"}}"""));
    }

    private IReadOnlyList<ShownMessage> ShowBoth(long skip)
    {
        Show(0, Message(5, "a", 0), Message(6, "b", 1));
        foreach (var (seq, id, sender) in ((long, string, int)[])[(5, "a", 0), (6, "b", 1)])
        {
            if (seq != skip)
            {
                Show(1, Message(seq, id, sender));
            }
        }

        return _members[0].Shown;
    }

    private void Show(int member, params byte[][] frames)
    {
        foreach (var frame in frames)
        {
            _dialect.OnText(_members[member], frame);
        }
    }

    private void Acknowledge(int member, long seq, string id) => _dialect.OnText(_members[member], Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture,
        $$$"""{"type":"message_sent","room_id":"room-7","message_id":"{{{id}}}","data":{"message_id":"{{{id}}}","client_msg_id":"n00000700000000","seq":{{{seq}}}}}""")));

    private IReadOnlyList<string> Check(IReadOnlyList<ShownMessage> history) => HistoryChecker.Check(
        [.. _members.Select(member => new Observation($"user-{member.Number}", member.Since, member.Shown, member.Acknowledged, history))]);

    private ChatClient Member(int place) => _room.Members[place] = new ChatClient(place, _room, place, _dialect, _tally);
}
