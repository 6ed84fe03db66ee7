using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;

namespace Tertulia.Connections.Auth;

/// <summary>The keys of backends that use the server API (<c>X-Api-Key</c>). Only their hashes are configured, so that the configuration gives nobody a key.</summary>
internal sealed class ServiceKeys(IOptions<AuthOptions> options)
{
    /// <summary>Carries a key.</summary>
    public const string Header = "X-Api-Key";

    private readonly Dictionary<string, Caller> _callers = options.Value.ServiceKeys.Select(Parse).OfType<(string Name, string Hash)>()
        .ToDictionary(key => key.Hash, key => new Caller(key.Name, key.Name, "service", null, null, null, null), StringComparer.Ordinal);

    /// <returns>Null when it is no key of ours.</returns>
    public Caller? Find(string key) => _callers.GetValueOrDefault(HashOf(key));

    /// <summary>What is configured of a key: SHA-256 of its UTF-8, as 64 lower-case hexadecimal digits. A key is random and long; a hash without salt gives it away to nobody.</summary>
    public static string HashOf(string key) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)));

    /// <returns>Null when an entry is not <c>name:hash</c>.</returns>
    public static (string Name, string Hash)? Parse(string entry)
    {
        var colon = entry.LastIndexOf(':');
        return colon > 0 && IdentityText.IsClean(entry[..colon], IdentityText.MaxUserIdChars) && entry.Length - colon - 1 == 2 * SHA256.HashSizeInBytes
            && entry[(colon + 1)..].All(char.IsAsciiHexDigit)
            ? (entry[..colon], entry[(colon + 1)..].ToLowerInvariant())
            : null;
    }
}
