namespace Tertulia.Connections.Sessions;

/// <summary>What is to be done about a client from which nothing comes.</summary>
internal enum Silence
{
    /// <summary>Nothing.</summary>
    Short,

    /// <summary>It is asked whether it is there.</summary>
    Ping,

    /// <summary>It is gone.</summary>
    Dead,
}

/// <summary>What the heartbeat loop remembers of one session from one round to the next.</summary>
internal sealed class Watch
{
    private long? _silentSince;
    private long? _pingedAt;

    /// <summary>Expiry of the token that the client was warned of.</summary>
    public DateTimeOffset? WarnedOf { get; set; }

    /// <summary>One round.</summary>
    /// <param name="heard">Something came since the last one.</param>
    /// <param name="interval">Silence after which the client is pinged.</param>
    /// <param name="timeout">Silence after the ping after which it is gone.</param>
    /// <param name="time">The clock.</param>
    public Silence Look(bool heard, TimeSpan interval, TimeSpan timeout, TimeProvider time)
    {
        var now = time.GetTimestamp();
        if (heard || _silentSince is not { } since)
        {
            (_silentSince, _pingedAt) = (now, null);
            return Silence.Short;
        }

        if (_pingedAt is { } pingedAt)
        {
            return time.GetElapsedTime(pingedAt, now) >= timeout ? Silence.Dead : Silence.Short;
        }

        if (time.GetElapsedTime(since, now) < interval)
        {
            return Silence.Short;
        }

        _pingedAt = now;
        return Silence.Ping;
    }
}
