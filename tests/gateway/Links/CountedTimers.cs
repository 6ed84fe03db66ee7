using Microsoft.Extensions.Time.Testing;

namespace Tertulia.Gateway.Tests.Links;

/// <summary>Time that also knows which of its timers are set.</summary>
internal sealed class CountedTimers : FakeTimeProvider
{
    private readonly HashSet<Timer> _set = [];

    /// <summary>Timers that will fire some time.</summary>
    public int Set => _set.Count;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(this, callback, state);
        timer.Start(base.CreateTimer(_ => timer.Fire(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan), dueTime, period);
        return timer;
    }

    private sealed class Timer(CountedTimers time, TimerCallback callback, object? state) : ITimer
    {
        private ITimer? _inner;
        private bool _isPeriodic;

        public void Start(ITimer inner, TimeSpan dueTime, TimeSpan period)
        {
            _inner = inner;
            Change(dueTime, period);
        }

        public void Fire()
        {
            if (!_isPeriodic)
            {
                time._set.Remove(this);
            }

            callback(state);
        }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            _isPeriodic = period > TimeSpan.Zero;
            time._set.Remove(this);
            if (dueTime != Timeout.InfiniteTimeSpan)
            {
                time._set.Add(this);
            }

            return _inner!.Change(dueTime, period);
        }

        public void Dispose()
        {
            time._set.Remove(this);
            _inner!.Dispose();
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
