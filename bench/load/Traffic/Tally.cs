using Tertulia.Load.Measuring;

namespace Tertulia.Load.Traffic;

/// <summary>What was sent and what arrived, over the whole run and in the measured window.</summary>
internal sealed class Tally
{
    private const int MaxComplaints = 5;
    private readonly List<string> _complaints = [];
    private bool _isOpen;
    private long _windowStart;
    private long _windowEnd;

    /// <summary>Deliveries that are due: for each message sent, the members of its room.</summary>
    public long Expected { get; private set; }

    /// <summary>Deliveries that arrived, each once.</summary>
    public long Delivered { get; private set; }

    /// <summary>Deliveries that arrived again.</summary>
    public long Duplicates { get; set; }

    /// <summary>Deliveries that arrived after a later one of the same sender, or where another member saw another order.</summary>
    public long Reordered { get; set; }

    /// <summary>Connections that the server closed.</summary>
    public long Disconnects { get; private set; }

    /// <summary>Errors that the server answered.</summary>
    public long Errors { get; private set; }

    /// <summary>Not arrived yet; when waiting is over, lost.</summary>
    public long Outstanding => Expected - Delivered;

    /// <summary>Messages that were due in the window.</summary>
    public long WindowSent { get; private set; }

    /// <summary>Deliveries that arrived in the window.</summary>
    public long WindowDelivered { get; private set; }

    /// <summary>From the scheduled time to the arrival, of messages due in the window.</summary>
    public Histogram Latency { get; } = new();

    /// <summary>From the scheduled time to the sender's acknowledgement, where the server gives one.</summary>
    public Histogram Acknowledgement { get; } = new();

    /// <summary>From the scheduled time to the sending: how late the generator itself was.</summary>
    public Histogram Lag { get; } = new();

    /// <summary>The first few things that went wrong.</summary>
    public IReadOnlyList<string> Complaints => _complaints;

    /// <summary>Starts the window.</summary>
    public void OpenWindow(long now)
    {
        Latency.Clear();
        Acknowledgement.Clear();
        Lag.Clear();
        (WindowSent, WindowDelivered) = (0, 0);
        (_windowStart, _windowEnd, _isOpen) = (now, long.MaxValue, true);
    }

    /// <summary>Ends the window; what was due in it is still timed when it arrives.</summary>
    public void CloseWindow(long now) => (_windowEnd, _isOpen) = (now, false);

    public void OnSent(long scheduledAt, long now, int receivers)
    {
        Expected += receivers;
        if (IsInWindow(scheduledAt))
        {
            WindowSent++;
            Lag.Record(now - scheduledAt);
        }
    }

    public void OnDelivered(long scheduledAt, long now)
    {
        Delivered++;
        WindowDelivered += _isOpen ? 1 : 0;
        if (IsInWindow(scheduledAt))
        {
            Latency.Record(now - scheduledAt);
        }
    }

    public void OnAcknowledged(long scheduledAt, long now)
    {
        if (IsInWindow(scheduledAt))
        {
            Acknowledgement.Record(now - scheduledAt);
        }
    }

    public void OnDisconnected(string reason)
    {
        Disconnects++;
        Complain(reason);
    }

    public void OnError(string frame)
    {
        Errors++;
        Complain(frame);
    }

    /// <summary>Gives up on what is outstanding and forgets what went wrong, so that the next step starts clean.</summary>
    public void Forget()
    {
        Expected = Delivered;
        (Duplicates, Reordered, Errors) = (0, 0, 0);
    }

    private void Complain(string complaint)
    {
        if (_complaints.Count < MaxComplaints)
        {
            _complaints.Add(complaint);
        }
    }

    private bool IsInWindow(long time) => time >= _windowStart && time < _windowEnd;
}
