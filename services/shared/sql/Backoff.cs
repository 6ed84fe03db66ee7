namespace Tertulia.Sql;

/// <summary>Growing pauses with full jitter between attempts that must not be given up.</summary>
public sealed class Backoff(TimeProvider time)
{
    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(2);
    private TimeSpan _ceiling = First;

    /// <summary>Waits; each time up to twice as long as before.</summary>
    public Task WaitAsync(CancellationToken cancellationToken)
    {
        var pause = _ceiling * Random.Shared.NextDouble();
        _ceiling = _ceiling * 2 > Longest ? Longest : _ceiling * 2;
        return Task.Delay(pause, time, cancellationToken);
    }
}
