using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;

namespace Tertulia.Connections.Auth;

/// <summary>The issuer's published keys (RFC 7517), fetched when first needed, when they are old, and when a token names one that is not among them.</summary>
/// <remarks>One fetch at a time, which all who need it share; a failed one leaves the keys of before.</remarks>
internal sealed partial class JwksCache(IHttpClientFactory clients, IOptions<AuthOptions> options, TimeProvider time, ILogger<JwksCache> logger)
{
    /// <summary>Name of the client: short time-out, small answers.</summary>
    internal const string ClientName = "jwks";

    private readonly AuthOptions _options = options.Value;
    private readonly Lock _lock = new();
    private IReadOnlyList<PublishedKey>? _keys;
    private long _fetchedAt;
    private long? _triedAt;
    private Task? _fetch;

    /// <summary>The published keys that may have signed a token.</summary>
    /// <returns>Null when keys were never fetched successfully.</returns>
    public async ValueTask<IReadOnlyList<SecurityKey>?> FindAsync(string algorithm, string? keyId, CancellationToken cancellationToken)
    {
        if (_keys is not { } keys || time.GetElapsedTime(Volatile.Read(ref _fetchedAt)) >= _options.JwksMaxAge
            || (keyId is not null && !keys.Any(key => key.KeyId == keyId)))
        {
            // Shared by all who wait: it ends by its own time-out, not with the first of them.
            await FetchOnce().WaitAsync(cancellationToken);
        }

        return Volatile.Read(ref _keys)?
            .Where(key => key.Algorithm == algorithm && (keyId is null || key.KeyId is null || key.KeyId == keyId))
            .Select(key => key.Key).ToArray();
    }

    private Task FetchOnce()
    {
        lock (_lock)
        {
            if (_fetch is { IsCompleted: false })
            {
                return _fetch;
            }

            if (_triedAt is { } tried && time.GetElapsedTime(tried) < _options.JwksMinInterval)
            {
                return Task.CompletedTask;
            }

            _triedAt = time.GetTimestamp();
            return _fetch = FetchAsync();
        }
    }

    private async Task FetchAsync()
    {
        try
        {
            using var client = clients.CreateClient(ClientName);
            var keys = PublishedKey.ParseSet(await client.GetByteArrayAsync(new Uri(_options.JwksUrl!)));
            Volatile.Write(ref _fetchedAt, time.GetTimestamp());
            Volatile.Write(ref _keys, keys);
            LogFetched(keys.Count);
        }
        catch (Exception exception) when (exception is HttpRequestException or OperationCanceledException or JsonException or CryptographicException or FormatException or InvalidOperationException)
        {
            LogFailed(exception.Message);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Fetched {Count} keys of the token issuer")]
    private partial void LogFetched(int count);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The keys of the token issuer could not be fetched: {Reason}")]
    private partial void LogFailed(string reason);
}
