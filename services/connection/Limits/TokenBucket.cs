namespace Tertulia.Connections.Limits;

/// <summary>A number of tokens that comes back at a steady rate. Not thread-safe: its owner locks.</summary>
internal sealed class TokenBucket
{
    private readonly double _capacity;
    private readonly double _perSecond;
    private readonly TimeProvider _time;
    private double _tokens;
    private long _filledAt;

    /// <param name="capacity">Tokens at most, and at the beginning.</param>
    /// <param name="perSecond">Tokens that come back in a second; above 0.</param>
    /// <param name="time">The clock.</param>
    public TokenBucket(double capacity, double perSecond, TimeProvider time)
    {
        (_capacity, _perSecond, _time, _tokens, _filledAt) = (capacity, perSecond, time, capacity, time.GetTimestamp());
    }

    /// <summary>Tokens that are missing now; 0: a new bucket would be the same.</summary>
    public double Missing
    {
        get
        {
            Fill();
            return _capacity - _tokens;
        }
    }

    /// <summary>Takes one token.</summary>
    /// <param name="retryAfter">When refused: until there is one.</param>
    public bool TryTake(out TimeSpan retryAfter)
    {
        Fill();
        if (_tokens >= 1)
        {
            _tokens--;
            retryAfter = TimeSpan.Zero;
            return true;
        }

        retryAfter = TimeSpan.FromSeconds((1 - _tokens) / _perSecond);
        return false;
    }

    /// <summary>Takes tokens that were used elsewhere, into debt if need be, but never more than one full bucket of debt.</summary>
    public void Take(double tokens)
    {
        Fill();
        _tokens = Math.Max(_tokens - tokens, -_capacity);
    }

    private void Fill()
    {
        var now = _time.GetTimestamp();
        _tokens = Math.Min(_capacity, _tokens + (_perSecond * _time.GetElapsedTime(_filledAt, now).TotalSeconds));
        _filledAt = now;
    }
}
