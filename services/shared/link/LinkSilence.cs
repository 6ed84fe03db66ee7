namespace Tertulia.Link;

/// <summary>Decides at regular looks whether the peer of a link is gone.</summary>
/// <remarks>Looks are counted, not time, and only those that came when they were due: a process that was stopped, or got no CPU, has not listened, and must not
/// blame its peer. A peer whose words lie unread in the kernel has not been silent either. <see cref="Heard"/> on any thread, <see cref="Look"/> one at a time.</remarks>
/// <param name="looks">Looks in a row without a word that are too many when one more comes.</param>
/// <param name="interval">Between two looks.</param>
/// <param name="time">The clock.</param>
public sealed class LinkSilence(int looks, TimeSpan interval, TimeProvider time)
{
    private long _lookedAt = time.GetTimestamp();
    private int _silent;

    /// <summary>Something came of the peer.</summary>
    public void Heard() => Volatile.Write(ref _silent, 0);

    /// <summary>One look.</summary>
    /// <param name="unread">Bytes of the peer that this process has not read yet.</param>
    /// <returns>What it says about the peer.</returns>
    public LinkLook Look(bool unread)
    {
        var now = time.GetTimestamp();
        var isLate = time.GetElapsedTime(_lookedAt, now) > interval * 1.5;
        _lookedAt = now;
        if (isLate || unread)
        {
            Heard(); // It gets the whole time again.
            return isLate ? LinkLook.Late : LinkLook.Waits;
        }

        return Interlocked.Increment(ref _silent) > looks ? LinkLook.Gone : LinkLook.Waits;
    }
}

/// <summary>What a look says.</summary>
public enum LinkLook
{
    /// <summary>The peer is there, as far as is known.</summary>
    Waits,

    /// <summary>This process was stalled since the last look: nothing can be said about anybody.</summary>
    Late,

    /// <summary>The peer was silent for too long.</summary>
    Gone,
}
