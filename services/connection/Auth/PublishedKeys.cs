using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;

namespace Tertulia.Connections.Auth;

/// <summary>The issuer's published keys (RFC 7517), fetched when first needed, when they are old, and when a token names one that is not among them.</summary>
/// <remarks>One fetch at a time, which all who need it share; at most one in <see cref="AuthOptions.JwksMinInterval"/>, whatever tokens come; a failed one
/// leaves the keys of before. The library's <c>ConfigurationManager</c> promises none of the three: while the issuer is down it asks for every token, it fetches
/// rotated keys in the background, so that the first client with a new key is sent away for good, and its clock cannot be replaced.</remarks>
internal sealed partial class PublishedKeys(IHttpClientFactory clients, IOptions<AuthOptions> options, TimeProvider time, ILogger<PublishedKeys> logger)
{
    /// <summary>Name of the client: short time-out, small answers.</summary>
    internal const string ClientName = "jwks";

    private readonly AuthOptions _options = options.Value;
    private readonly Lock _lock = new();
    private IReadOnlyList<(string Algorithm, SecurityKey Key)>? _keys;
    private long _fetchedAt;
    private long? _triedAt;
    private Task? _fetch;

    /// <summary>The published keys that may have signed a token.</summary>
    /// <returns>Null when keys were never fetched successfully.</returns>
    public async ValueTask<IReadOnlyList<SecurityKey>?> FindAsync(string algorithm, string? keyId, CancellationToken cancellationToken)
    {
        if (Volatile.Read(ref _keys) is not { } keys || time.GetElapsedTime(Volatile.Read(ref _fetchedAt)) >= _options.JwksMaxAge
            || (keyId is not null && !keys.Any(entry => entry.Key.KeyId == keyId)))
        {
            // Shared by all who wait: it ends by its own time-out, not with the first of them.
            await FetchOnce().WaitAsync(cancellationToken);
        }

        return Volatile.Read(ref _keys)?
            .Where(entry => entry.Algorithm == algorithm && (keyId is null || string.IsNullOrEmpty(entry.Key.KeyId) || entry.Key.KeyId == keyId))
            .Select(entry => entry.Key).ToArray();
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
            var keys = Usable(new JsonWebKeySet(await client.GetStringAsync(new Uri(_options.JwksUrl!))));
            Volatile.Write(ref _fetchedAt, time.GetTimestamp());
            Volatile.Write(ref _keys, keys);
            LogFetched(keys.Count);
        }
        catch (Exception exception)
        {
            LogFailed(exception.Message); // An edge: whatever the issuer answers, the keys of before stay.
        }
    }

    private static List<(string Algorithm, SecurityKey Key)> Usable(JsonWebKeySet set)
    {
        var usable = new List<(string, SecurityKey)>();
        foreach (var published in set.Keys)
        {
            if (TokenAlgorithms.Of(published) is { } algorithm && JsonWebKeyConverter.TryConvertToSecurityKey(published, out var key))
            {
                usable.Add((algorithm, key));
            }
        }

        return usable;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Fetched {Count} keys of the token issuer")]
    private partial void LogFetched(int count);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The keys of the token issuer could not be fetched: {Reason}")]
    private partial void LogFailed(string reason);
}
