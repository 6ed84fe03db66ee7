using Grpc.Core;
using Tertulia.Connections.Rooms;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Tests.Rooms;

/// <summary>What is tried again is answered when the patience ends, and no back-off later.</summary>
public sealed class PatienceTests
{
    [Fact]
    public async Task The_last_attempt_begins_when_the_patience_ends()
    {
        var length = TimeSpan.FromSeconds(15);
        for (var run = 0; run < 200; run++) // The pauses are random.
        {
            var time = new JumpingTime();
            var patience = new Patience(length, time);
            var last = TimeSpan.Zero;
            await Assert.ThrowsAsync<RpcException>(() => patience.ReadAsync<object>(
                _ =>
                {
                    last = TimeSpan.FromTicks(time.GetTimestamp());
                    throw RpcErrors.Refuse(ErrorCode.Unavailable);
                },
                CancellationToken.None));

            Assert.Equal(length, last);
        }
    }

    /// <summary>A clock that goes on by what is waited for, at once.</summary>
    private sealed class JumpingTime : TimeProvider
    {
        private long _ticks;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Volatile.Read(ref _ticks);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Interlocked.Add(ref _ticks, dueTime.Ticks);
            return System.CreateTimer(callback, state, TimeSpan.Zero, period);
        }
    }
}
