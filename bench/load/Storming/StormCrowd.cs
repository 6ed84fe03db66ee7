using Tertulia.Load.Measuring;
using Tertulia.Load.Wire;

namespace Tertulia.Load.Storming;

/// <summary>Clients that hold a connection each and come back when it is lost.</summary>
internal sealed class StormCrowd : IDisposable
{
    /// <summary>Longest time that a client waits for its greeting; then it gives the attempt up and counts as late.</summary>
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(10);

    private const int OpeningAtOnce = 64;
    private const int ClientsPerAddress = 1000; // As other crowds: a gateway limits an address.
    private const long LookEvery = 20_000_000;

    private readonly Loop _loop = new();
    private readonly StormClient[] _clients;
    private readonly IReadOnlyList<ushort> _ports;
    private readonly PriorityQueue<StormClient, long> _waiting = new();
    private readonly Dictionary<string, int> _complaints = new(StringComparer.Ordinal);
    private int _opened;
    private int _nextPort;

    /// <param name="clients">How many.</param>
    /// <param name="ports">Doors on the loopback address.</param>
    public StormCrowd(int clients, IReadOnlyList<ushort> ports) =>
        (_clients, _ports) = ([.. Enumerable.Range(0, clients).Select(number => new StormClient(this, number))], ports);

    /// <summary>In their rooms now.</summary>
    public int Served { get; private set; }

    /// <summary>From losing its connection to being served again.</summary>
    public Histogram Away { get; } = new();

    /// <summary>From the beginning of an attempt to its greeting.</summary>
    public Histogram Attempt { get; } = new();

    /// <summary>Attempts that had no greeting in time.</summary>
    public int Late { get; private set; }

    /// <summary>Most attempts that one client needed.</summary>
    public int MostAttempts { get; private set; }

    /// <summary>Connections lost since <see cref="Clear"/>.</summary>
    public int Lost { get; private set; }

    /// <summary>What was said instead of a greeting, with how often.</summary>
    public IReadOnlyDictionary<string, int> Complaints => _complaints;

    /// <summary>Opens all, a few at a time, and waits until they are served.</summary>
    /// <exception cref="TimeoutException">Not all were in time.</exception>
    public void Open(TimeSpan within)
    {
        var deadline = Loop.Now + (long)(within.TotalSeconds * 1e9);
        _loop.Run(now =>
        {
            Retry(now);
            while (_opened < _clients.Length && _opened < Served + OpeningAtOnce)
            {
                Open(_clients[_opened++]);
            }

            return Served == _clients.Length || now > deadline ? null : now + LookEvery;
        });
        Expect(within);
    }

    /// <summary>Forgets what was measured.</summary>
    public void Clear()
    {
        Away.Clear();
        Attempt.Clear();
        (Late, MostAttempts, Lost) = (0, 0, 0);
        _complaints.Clear();
    }

    /// <summary>Waits until so many connections were lost and all clients are served.</summary>
    /// <param name="lost">Since <see cref="Clear"/>.</param>
    /// <param name="within">Longest time.</param>
    /// <exception cref="TimeoutException">Not all were in time.</exception>
    public void Recover(int lost, TimeSpan within)
    {
        var deadline = Loop.Now + (long)(within.TotalSeconds * 1e9);
        _loop.Run(now =>
        {
            Retry(now);
            return (Lost >= lost && Served == _clients.Length) || now > deadline ? null : now + LookEvery;
        });
        Expect(within);
    }

    /// <summary>Only reads for a while.</summary>
    public void Idle(TimeSpan duration)
    {
        var end = Loop.Now + (long)(duration.TotalSeconds * 1e9);
        _loop.Run(now =>
        {
            Retry(now);
            return now >= end ? null : Math.Min(end, now + LookEvery);
        });
    }

    /// <summary>For clients: one is in its room.</summary>
    public void OnServed(StormClient client)
    {
        Served++;
        MostAttempts = Math.Max(MostAttempts, client.Attempts);
        Away.Record(Loop.Now - client.LostAt);
        Attempt.Record(Loop.Now - client.TriedAt);
    }

    /// <summary>For clients: one has no connection, and waits.</summary>
    public void OnLost(StormClient client, bool wasServed, long dueAt)
    {
        if (wasServed)
        {
            Served--;
            Lost++;
        }

        _waiting.Enqueue(client, dueAt);
    }

    /// <summary>For clients: something else was said than expected.</summary>
    public void OnComplaint(string complaint) => _complaints[complaint] = _complaints.GetValueOrDefault(complaint) + 1;

    public void Dispose() => _loop.Dispose();

    private void Retry(long now)
    {
        while (_waiting.TryPeek(out var client, out var dueAt) && dueAt <= now)
        {
            _waiting.Dequeue();
            Open(client);
        }

        if (Served == _opened)
        {
            return;
        }

        var tooLate = now - (long)(Deadline.TotalSeconds * 1e9);
        for (var index = 0; index < _opened; index++)
        {
            if (_clients[index] is { IsServed: false, IsTrying: true } client && client.TriedAt < tooLate)
            {
                Late++;
                client.GiveUp();
            }
        }
    }

    private void Open(StormClient client) => client.Open(_loop, (ushort)(2 + client.Number / ClientsPerAddress), _ports[_nextPort++ % _ports.Count]);

    private void Expect(TimeSpan within)
    {
        if (Served < _clients.Length)
        {
            throw new TimeoutException(
                $"{Served} of {_clients.Length} clients are served after {within.TotalSeconds} s. {string.Join("; ", _complaints.Take(5).Select(said => $"{said.Value} times {said.Key}"))}");
        }
    }
}
