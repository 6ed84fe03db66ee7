using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Options;

namespace Tertulia.Gateway.Limits;

/// <summary>Counts what each address has: open sockets, and a token bucket of requests.</summary>
internal sealed class ClientLimits(IOptions<ClientLimitOptions> options, TimeProvider time)
{
    /// <summary>Addresses above which those that use nothing are forgotten.</summary>
    private const int SweepAbove = 50_000;
    private static readonly TimeSpan SweepInterval = TimeSpan.FromSeconds(10);

    private readonly ClientLimitOptions _limits = options.Value;
    private readonly ConcurrentDictionary<UInt128, AddressUse> _addresses = [];
    private long _swept = time.GetTimestamp();

    /// <summary>Addresses that are remembered.</summary>
    public int Addresses => _addresses.Count;

    /// <summary>Takes one request from the address's bucket.</summary>
    /// <param name="address">The client's; null (a Unix socket) is not limited.</param>
    /// <param name="retryAfterMs">When refused: milliseconds until the next token.</param>
    public bool TryRequest(IPAddress? address, out long retryAfterMs)
    {
        retryAfterMs = 0;
        if (_limits.RequestsPerSecond == 0 || address is null)
        {
            return true;
        }

        var now = time.GetTimestamp();
        using var use = Enter(address);
        use.Entry.Refill(_limits.RequestsPerSecond * time.GetElapsedTime(use.Entry.FilledAt, now).TotalSeconds, _limits.RequestBurst, now);
        if (use.Entry.Tokens >= 1)
        {
            use.Entry.Tokens--;
            return true;
        }

        retryAfterMs = (long)Math.Ceiling((1 - use.Entry.Tokens) * 1000 / _limits.RequestsPerSecond);
        return false;
    }

    /// <summary>Takes a place for a socket; <see cref="CloseSocket"/> gives it back.</summary>
    public bool TryOpenSocket(IPAddress? address)
    {
        if (_limits.SocketsPerAddress == 0 || address is null)
        {
            return true;
        }

        using var use = Enter(address);
        if (use.Entry.Sockets >= _limits.SocketsPerAddress)
        {
            return false;
        }

        use.Entry.Sockets++;
        return true;
    }

    /// <summary>Gives back what <see cref="TryOpenSocket"/> gave.</summary>
    public void CloseSocket(IPAddress? address)
    {
        if (_limits.SocketsPerAddress > 0 && address is not null)
        {
            using var use = Enter(address);
            use.Entry.Sockets--;
        }
    }

    private Locked Enter(IPAddress address)
    {
        Sweep();
        var key = KeyOf(address);
        while (true)
        {
            var entry = _addresses.GetOrAdd(key, static (_, full) => new AddressUse { Tokens = full.Burst, FilledAt = full.Now },
                (Burst: _limits.RequestBurst, Now: time.GetTimestamp()));
            var locked = new Locked(entry);
            if (!entry.Forgotten)
            {
                return locked;
            }

            locked.Dispose(); // Swept away between the look-up and the lock.
        }
    }

    private void Sweep()
    {
        var swept = Volatile.Read(ref _swept);
        var now = time.GetTimestamp();
        if (_addresses.Count <= SweepAbove || time.GetElapsedTime(swept, now) < SweepInterval
            || Interlocked.CompareExchange(ref _swept, now, swept) != swept)
        {
            return;
        }

        foreach (var (key, entry) in _addresses)
        {
            using var locked = new Locked(entry);
            entry.Refill(_limits.RequestsPerSecond * time.GetElapsedTime(entry.FilledAt, now).TotalSeconds, _limits.RequestBurst, now);
            if (entry.Sockets == 0 && entry.Tokens >= _limits.RequestBurst)
            {
                entry.Forgotten = true;
                _addresses.TryRemove(key, out _);
            }
        }
    }

    // A provider gives a customer 64 bits of IPv6 and more: each of these addresses is the same client.
    private static UInt128 KeyOf(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        address.MapToIPv6().TryWriteBytes(bytes, out _);
        var key = BinaryPrimitives.ReadUInt128BigEndian(bytes);
        return address.AddressFamily == AddressFamily.InterNetwork || address.IsIPv4MappedToIPv6 ? key : key >> 64 << 64;
    }

    /// <summary>What one address has. Its lock is its own.</summary>
    private sealed class AddressUse
    {
        public Lock Lock { get; } = new();

        public int Sockets { get; set; }

        public double Tokens { get; set; }

        public long FilledAt { get; set; }

        public bool Forgotten { get; set; }

        public void Refill(double tokens, int burst, long now)
        {
            Tokens = Math.Min(burst, Tokens + Math.Max(0, tokens));
            FilledAt = now;
        }
    }

    private readonly struct Locked : IDisposable
    {
        public Locked(AddressUse entry)
        {
            Entry = entry;
            entry.Lock.Enter();
        }

        public AddressUse Entry { get; }

        public void Dispose() => Entry.Lock.Exit();
    }
}
