using System.Text;
using Microsoft.Extensions.Time.Testing;
using Tertulia.Connections.Events;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Events;

/// <summary>A session's events outlive the wire on which they leave.</summary>
public sealed class WireTests
{
    private readonly LineFormat _format = new();
    private readonly Outbox _outbox;

    public WireTests() => _outbox = new Outbox(_format, new OutboxOptions(), new FakeTimeProvider());

    [Fact]
    public async Task What_is_sent_while_there_is_no_wire_leaves_on_the_next_one_in_order()
    {
        _outbox.TryEnqueue(Line("1"));
        var first = new GatedStream();
        _outbox.Attach(Wire(first));
        await first.StartedAsync();
        await _outbox.DetachAsync();
        _outbox.TryEnqueue(Line("2"));
        _outbox.TryEnqueue(Line("3"));
        var second = new GatedStream();
        _outbox.Attach(Wire(second));
        await second.StartedAsync();

        Assert.Equal("1\n", Text(first));
        Assert.Equal("2\n3\n", Text(second));
    }

    [Fact]
    public async Task A_wire_is_taken_away_when_its_write_is_over()
    {
        var first = new GatedStream();
        first.Hold();
        _outbox.Attach(Wire(first));
        _outbox.TryEnqueue(Line("1"));
        await first.StartedAsync();
        _outbox.TryEnqueue(Line("2"));
        var detaching = _outbox.DetachAsync();
        Assert.False(detaching.IsCompleted);
        Assert.Throws<InvalidOperationException>(() => _outbox.Attach(Wire(new GatedStream())));

        first.Release();
        await Eventually.CompletesAsync(detaching, "the wire is free");
        var second = new GatedStream();
        _outbox.Attach(Wire(second));
        await second.StartedAsync();

        Assert.Equal(("1\n", "2\n"), (Text(first), Text(second)));
    }

    [Fact]
    public async Task What_a_wire_has_lost_that_is_being_taken_away_leaves_on_the_next_one()
    {
        var first = new GatedStream();
        first.Hold();
        _outbox.Attach(Wire(first));
        _outbox.TryEnqueue(Line("1"));
        await first.StartedAsync();
        _outbox.TryEnqueue(Line("2"));
        var detaching = _outbox.DetachAsync();

        first.Abort();
        await Eventually.CompletesAsync(detaching, "the wire is free");
        var second = new GatedStream();
        _outbox.Attach(Wire(second));
        await second.StartedAsync();

        Assert.Equal("1\n2\n", Text(second));
        Assert.False(_outbox.IsClosing);
    }

    [Fact]
    public async Task A_wire_of_another_format_gets_what_waits_in_its_own()
    {
        _outbox.Attach(Wire(new GatedStream()));
        await _outbox.DetachAsync();
        _outbox.TryEnqueue(new AreYouThereEvent());
        Assert.Equal(6, _outbox.WaitingBytes);
        var socket = new GatedStream();

        _outbox.Attach(new StreamWire(socket, socket.Abort, Support.RawEvent.Format));
        await socket.StartedAsync();

        Assert.Equal([0x89, 0], socket.Writes[0]);
        await Eventually.HoldsAsync(() => _outbox.WaitingBytes == 0, "all is written");
    }

    [Fact]
    public async Task Changing_the_wire_all_the_time_loses_repeats_and_reorders_nothing()
    {
        const int Events = 2000;
        var wires = new List<GatedStream>();
        var sending = Task.Run(() =>
        {
            for (var number = 0; number < Events; number++)
            {
                Assert.Equal(SendOutcome.Enqueued, _outbox.TryEnqueue(Line($"{number}")));
            }
        });
        while (!sending.IsCompleted || _outbox.WaitingBytes > 0)
        {
            wires.Add(new GatedStream());
            _outbox.Attach(Wire(wires[^1]));
            await Task.Yield();
            await Eventually.CompletesAsync(_outbox.DetachAsync(), "the wire is free");
        }

        await sending;
        Assert.Equal(Enumerable.Range(0, Events).Select(number => $"{number}"), string.Concat(wires.Select(Text)).Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public async Task A_session_without_a_wire_that_is_closed_has_ended()
    {
        _outbox.TryEnqueue(Line("1"));

        _outbox.Close(CloseCode.Draining, "drain");

        await Eventually.CompletesAsync(_outbox.WhenEndedAsync(), "the outbox ends");
    }

    private static LineEvent Line(string text) => new(text);

    private static string Text(GatedStream stream) => string.Concat(stream.Writes.Select(Encoding.UTF8.GetString));

    private StreamWire Wire(GatedStream stream) => new(stream, stream.Abort, _format);

    private sealed record LineEvent(string Text) : ServerEvent(DeliveryClass.Control);

    private sealed class LineFormat : IWireFormat
    {
        public byte[] Encode(ServerEvent serverEvent) => Encoding.UTF8.GetBytes(serverEvent is LineEvent line ? $"{line.Text}\n" : "there?\n"[..6]);
    }
}
