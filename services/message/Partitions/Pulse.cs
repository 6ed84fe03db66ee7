using System.Threading.Channels;

namespace Tertulia.Messages.Partitions;

/// <summary>Wakes one loop at an interval, and at once when something happened. Several reasons before it looks are one.</summary>
internal class Pulse : IDisposable
{
    private readonly Channel<bool> _reasons = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { SingleReader = true, FullMode = BoundedChannelFullMode.DropWrite });
    private readonly ITimer _timer;

    public Pulse(TimeProvider time, TimeSpan interval) => _timer = time.CreateTimer(_ => Signal(), state: null, interval, interval);

    /// <summary>Something happened.</summary>
    public void Signal() => _reasons.Writer.TryWrite(true);

    /// <summary>Completes when something has happened since the last time, or the interval is over.</summary>
    public async Task WaitAsync(CancellationToken cancellationToken) => await _reasons.Reader.ReadAsync(cancellationToken);

    public void Dispose()
    {
        _timer.Dispose();
        GC.SuppressFinalize(this);
    }
}

/// <summary>Says that a partition was taken.</summary>
internal sealed class Takeovers(TimeProvider time) : Pulse(time, OwnerAnnouncer.Interval);
