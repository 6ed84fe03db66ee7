using System.Collections.Concurrent;

namespace Tertulia.Load.Soaking;

/// <summary>What happened, all users together.</summary>
internal sealed class SoakTally
{
    private const int MaxComplaints = 20;

    private readonly ConcurrentDictionary<SoakDeed, long> _done = new();
    private readonly ConcurrentDictionary<string, long> _came = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, long> _refused = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<string> _complaints = [];
    private int _complained;

    /// <summary>Deeds, by kind.</summary>
    public IReadOnlyDictionary<SoakDeed, long> Done => _done;

    /// <summary>Frames of the server, by type.</summary>
    public IReadOnlyDictionary<string, long> Frames => _came;

    /// <summary>Refusals, by name.</summary>
    public IReadOnlyDictionary<string, long> Refusals => _refused;

    /// <summary>The first of what should not have happened.</summary>
    public IReadOnlyCollection<string> Complaints => _complaints;

    /// <summary>How much of it there was.</summary>
    public int Complained => Volatile.Read(ref _complained);

    public void Did(SoakDeed deed) => _done.AddOrUpdate(deed, 1, (_, count) => count + 1);

    public void Came(string type) => _came.AddOrUpdate(type, 1, (_, count) => count + 1);

    public void Refused(string name) => _refused.AddOrUpdate(name, 1, (_, count) => count + 1);

    public void Complain(string complaint)
    {
        if (Interlocked.Increment(ref _complained) <= MaxComplaints)
        {
            _complaints.Enqueue(complaint);
        }
    }
}
