using System.Diagnostics.Metrics;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Submitting;
using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;

namespace Tertulia.Connections.Tests;

/// <summary>What is counted when something goes wrong and is put right.</summary>
public sealed class TelemetryTests
{
    [Fact]
    public async Task A_hole_that_closes_by_itself_and_what_comes_again_are_counted_once()
    {
        await using var node = await TestNode.StartAsync();
        var ana = await node.JoinedAsync("ana", "lobby", seq: 5);
        var room = node.Of<RoomHub>().Find("lobby")!;
        using var counted = new Counted();

        room.OnEvents(TestNode.Entries("lobby", TestNode.Message(7), TestNode.Message(8)));
        room.OnEvents(TestNode.Entries("lobby", TestNode.Message(5), TestNode.Message(6), TestNode.Message(7)));

        Assert.Equal(1, counted["tertulia.gaps.detected"]);
        Assert.Equal(1, counted["tertulia.gaps.repaired how=arrived"]);
        Assert.Equal(2, counted["tertulia.duplicates.suppressed"]);
        Assert.Equal(1, counted["tertulia.recovery.duration kind=room"]);
        Assert.Equal(["m6", "m7", "m8"], await ana.MessagesAsync(3));
    }

    [Fact]
    public async Task A_hole_that_was_read_is_repaired_and_one_that_cannot_be_read_is_not()
    {
        await using var node = await TestNode.StartAsync();
        var ana = await node.JoinedAsync("ana", "lobby", seq: 5);
        var room = node.Of<RoomHub>().Find("lobby")!;
        using var counted = new Counted();

        room.OnEvents(TestNode.Entries("lobby", TestNode.Message(7)));
        room.OnRepaired(TestNode.Entries("lobby", TestNode.Message(6)), coveredTo: 6);
        room.OnEvents(TestNode.Entries("lobby", TestNode.Message(9)));
        room.OnUnreadable(8);

        Assert.Equal(2, counted["tertulia.gaps.detected"]);
        Assert.Equal(1, counted["tertulia.gaps.repaired how=read"]);
        Assert.Equal(1, counted["tertulia.gaps.unreadable"]);
        Assert.Equal(["m6", "m7"], await ana.MessagesAsync(2));
    }

    [Fact]
    public void Commands_that_stood_still_are_a_recovery_and_those_without_an_outcome_are_counted()
    {
        var time = new FakeTimeProvider();
        var pending = new PendingAcks(Options.Create(new SubmitOptions { Timeout = TimeSpan.FromSeconds(10) }), time);
        using var counted = new Counted();
        pending.Add(new Waiter());
        time.Advance(TimeSpan.FromSeconds(4));
        var second = pending.Add(new Waiter());

        Assert.Equal(TimeSpan.FromSeconds(4), pending.OldestAge());
        pending.Expire();
        time.Advance(TimeSpan.FromSeconds(6));
        pending.Expire(); // The first is answered `unavailable`, the second waits.
        Assert.Equal(1, counted["tertulia.commands.expired"]);
        Assert.Equal(TimeSpan.FromSeconds(6), pending.OldestAge());
        Assert.Equal(0, counted["tertulia.recovery.duration kind=commands"]);

        pending.Take(second);
        time.Advance(TimeSpan.FromSeconds(1));
        pending.Expire();

        Assert.Equal(1, counted["tertulia.recovery.duration kind=commands"]);
        Assert.Equal(11, counted.Last);
        Assert.Equal(TimeSpan.Zero, pending.OldestAge());
    }

    /// <summary>What this thread measures until the test awaits something: other tests of the process use the same meter.</summary>
    private sealed class Counted : IDisposable
    {
        private readonly Dictionary<string, long> _counts = new(StringComparer.Ordinal);
        private readonly MeterListener _listener = new();
        private readonly int _thread = Environment.CurrentManagedThreadId;

        public Counted()
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == Telemetry.Name)
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            };
            _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument, value, tags));
            _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) =>
            {
                Last = Environment.CurrentManagedThreadId == _thread ? value : Last;
                Add(instrument, 1, tags);
            });
            _listener.Start();
        }

        /// <summary>The last time that was measured.</summary>
        public double Last { get; private set; }

        /// <summary>Sum of a counter, number of the measurements of a histogram.</summary>
        public long this[string name] => _counts.GetValueOrDefault(name);

        public void Dispose() => _listener.Dispose();

        private void Add(Instrument instrument, long value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            if (Environment.CurrentManagedThreadId == _thread)
            {
                var name = tags.Length == 0 ? instrument.Name : $"{instrument.Name} {tags[0].Key}={tags[0].Value}";
                _counts[name] = this[name] + value;
            }
        }
    }

    private sealed class Waiter : PendingCommand
    {
        public override void OnReply(CommandReply reply)
        {
        }

        public override void OnEvent(string roomId, string epoch, RoomEvent entry)
        {
        }

        public override void OnRefused(Refusal refusal)
        {
        }
    }
}
