using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Threading.RateLimiting;
using Microsoft.Extensions.Options;

namespace Tertulia.Gateway.Limits;

/// <summary>What each address has: open sockets, and a token bucket of requests. Addresses that use nothing are forgotten after some seconds.</summary>
internal sealed class ClientLimits : IDisposable
{
    private static readonly TimeSpan ShortestPeriod = TimeSpan.FromMilliseconds(100);

    private readonly PartitionedRateLimiter<UInt128> _requests;
    private readonly PartitionedRateLimiter<UInt128> _sockets;

    public ClientLimits(IOptions<ClientLimitOptions> options)
    {
        var limits = options.Value;
        var bucket = Bucket(limits);
        var places = new ConcurrencyLimiterOptions { PermitLimit = Math.Max(1, limits.SocketsPerAddress), QueueLimit = 0 };
        _requests = PartitionedRateLimiter.Create<UInt128, UInt128>(key => limits.RequestsPerSecond == 0
            ? RateLimitPartition.GetNoLimiter(key)
            : RateLimitPartition.GetTokenBucketLimiter(key, _ => bucket));
        _sockets = PartitionedRateLimiter.Create<UInt128, UInt128>(key => limits.SocketsPerAddress == 0
            ? RateLimitPartition.GetNoLimiter(key)
            : RateLimitPartition.GetConcurrencyLimiter(key, _ => places));
    }

    /// <summary>Takes one request from the address's bucket.</summary>
    /// <param name="address">The client's; null (a Unix socket) is not limited.</param>
    /// <param name="retryAfterMs">When refused: milliseconds until the next tokens.</param>
    public bool TryRequest(IPAddress? address, out long retryAfterMs)
    {
        retryAfterMs = 0;
        if (address is null)
        {
            return true;
        }

        using var lease = _requests.AttemptAcquire(KeyOf(address));
        if (lease.IsAcquired)
        {
            return true;
        }

        retryAfterMs = lease.TryGetMetadata(MetadataName.RetryAfter, out var retryAfter) ? (long)Math.Ceiling(retryAfter.TotalMilliseconds) : 0;
        return false;
    }

    /// <summary>Takes a place for a socket.</summary>
    /// <param name="address">The client's; null (a Unix socket) is not limited.</param>
    /// <param name="place">Gives it back when it is disposed; null when there is nothing to give back.</param>
    public bool TryOpenSocket(IPAddress? address, out IDisposable? place)
    {
        place = null;
        if (address is null)
        {
            return true;
        }

        var lease = _sockets.AttemptAcquire(KeyOf(address));
        place = lease;
        return lease.IsAcquired;
    }

    /// <inheritdoc />
    public void Dispose()
    {
        _requests.Dispose();
        _sockets.Dispose();
    }

    /// <summary>Tokens come in portions, ten times a second at most.</summary>
    private static TokenBucketRateLimiterOptions Bucket(ClientLimitOptions limits)
    {
        var rate = Math.Max(1, limits.RequestsPerSecond);
        var tokens = Math.Max(1, (int)Math.Round(rate * ShortestPeriod.TotalSeconds));
        return new TokenBucketRateLimiterOptions
        {
            TokenLimit = limits.RequestBurst,
            TokensPerPeriod = Math.Min(tokens, limits.RequestBurst),
            ReplenishmentPeriod = TimeSpan.FromSeconds((double)tokens / rate),
            QueueLimit = 0,
        };
    }

    // A provider gives a customer 64 bits of IPv6 and more: each of these addresses is the same client.
    private static UInt128 KeyOf(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        address.MapToIPv6().TryWriteBytes(bytes, out _);
        var key = BinaryPrimitives.ReadUInt128BigEndian(bytes);
        return address.AddressFamily == AddressFamily.InterNetwork || address.IsIPv4MappedToIPv6 ? key : key >> 64 << 64;
    }
}
