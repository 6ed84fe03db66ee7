using Tertulia.Load.Dialects;
using Tertulia.Load.Traffic;

namespace Tertulia.Load.Tests;

/// <summary>A checker that finds nothing proves nothing: each kind of fault is shown to it.</summary>
public sealed class ChatClientTests
{
    private readonly Tally _tally = new();
    private readonly Room _room = new(number: 7, size: 2);

    [Fact]
    public void Messages_in_order_are_delivered()
    {
        var client = Client(place: 0);
        Due(3);

        Receive(client, (0, 0), (1, 0), (0, 1));

        Assert.Equal((3, 0, 0, 0), Seen());
    }

    [Fact]
    public void A_message_that_never_arrives_stays_outstanding()
    {
        var client = Client(place: 0);
        Due(3);

        Receive(client, (0, 0), (0, 2));

        Assert.Equal((2, 0, 0, 1), Seen());
    }

    [Fact]
    public void The_same_message_again_is_a_duplicate_and_does_not_hide_a_loss()
    {
        var client = Client(place: 0);
        Due(3);

        Receive(client, (0, 0), (0, 0), (0, 1));

        Assert.Equal((2, 1, 0, 1), Seen());
    }

    [Fact]
    public void A_message_after_a_later_one_of_its_sender_is_reordered()
    {
        var client = Client(place: 0);
        Due(3);

        Receive(client, (0, 0), (0, 2), (0, 1));

        Assert.Equal((3, 0, 1, 0), Seen());
    }

    [Fact]
    public void A_seq_that_goes_back_is_reordered_although_each_sender_is_in_order()
    {
        var client = Client(place: 0);
        Due(2);

        Receive(client, (0, 0), seq: 6);
        Receive(client, (1, 0), seq: 5);

        Assert.Equal((2, 0, 1, 0), Seen());
    }

    [Fact]
    public void Members_who_see_two_orders_are_noticed_although_each_sender_is_in_order()
    {
        var (first, second) = (Client(place: 0), Client(place: 1));
        Due(4);

        Receive(first, (0, 0), seq: 5);
        Receive(first, (1, 0), seq: 6);
        Receive(second, (1, 0), seq: 5);
        Receive(second, (0, 0), seq: 6);

        Assert.Equal((4, 0, 2, 0), Seen());
    }

    [Fact]
    public void A_message_of_another_room_is_an_error()
    {
        var client = Client(place: 0);

        client.OnMessage(Frame(new Stamp(Room: 8, Sender: 0, Number: 0, ScheduledAt: 0)), seq: 0);

        Assert.Equal(1, _tally.Errors);
    }

    private static byte[] Frame(Stamp stamp)
    {
        var frame = new byte[Stamp.Length];
        stamp.Write(frame);
        return frame;
    }

    private static void Receive(ChatClient client, params (int Sender, int Number)[] messages)
    {
        foreach (var message in messages)
        {
            Receive(client, message, seq: 0);
        }
    }

    private static void Receive(ChatClient client, (int Sender, int Number) message, long seq) =>
        client.OnMessage(Frame(new Stamp(Room: 7, message.Sender, message.Number, ScheduledAt: 0)), seq);

    private ChatClient Client(int place) => new(place, _room, place, new TertuliaDialect(), _tally);

    private void Due(int deliveries) => _tally.OnSent(scheduledAt: 0, now: 0, receivers: deliveries);

    private (long Delivered, long Duplicates, long Reordered, long Outstanding) Seen() =>
        (_tally.Delivered, _tally.Duplicates, _tally.Reordered, _tally.Outstanding);
}
