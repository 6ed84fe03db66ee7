namespace Tertulia.Bus.RabbitMq;

/// <summary>Pauses between attempts: 100 milliseconds, doubled each time up to a cap, the second half of each left to chance so that the
/// processes that lost the same broker do not come back in step.</summary>
internal sealed class RetryDelay(TimeSpan cap, TimeProvider time)
{
    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(100);
    private TimeSpan _next = First;

    public void Reset() => _next = First;

    public Task WaitAsync(CancellationToken cancellationToken)
    {
        var delay = _next < cap ? _next : cap;
        _next = delay * 2;
        return Task.Delay(delay * (0.5 + (Random.Shared.NextDouble() / 2)), time, cancellationToken);
    }
}
