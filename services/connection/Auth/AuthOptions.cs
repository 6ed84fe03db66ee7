using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Tertulia.Connections.Auth;

/// <summary>How clients prove who they are.</summary>
public enum AuthMode
{
    /// <summary>By a token of the configured keys.</summary>
    Jwt,

    /// <summary>Also by <c>?user_id=&amp;username=</c>, and tokens are minted on request. Only in the Development environment.</summary>
    Development,
}

/// <summary>Tokens and keys. At least one of <see cref="Secret"/>, <see cref="PublicKeys"/> (or their files) and <see cref="JwksUrl"/> is needed in mode <c>Jwt</c>.</summary>
public sealed class AuthOptions
{
    internal const string Section = "Auth";

    /// <summary>UTF-8 bytes of a shared secret at least: the output of SHA-256 (RFC 7518, 3.2).</summary>
    internal const int MinSecretBytes = 32;

    /// <summary>How clients prove who they are.</summary>
    /// <value><c>Jwt</c> or <c>Development</c>; default <c>Jwt</c>.</value>
    [EnumDataType(typeof(AuthMode))]
    public AuthMode Mode { get; set; }

    /// <summary>Shared secret of HS256 tokens, as UTF-8. From the environment, never from a file under version control.</summary>
    /// <value>32 bytes or more; default none.</value>
    public string? Secret { get; set; }

    /// <summary>File that holds the secret instead, such as a mounted Kubernetes secret; white space around it does not count.</summary>
    public string? SecretFile { get; set; }

    /// <summary>Public keys of RS256 and ES256 tokens, PEM (<c>BEGIN PUBLIC KEY</c> or <c>BEGIN CERTIFICATE</c>), one after the other.</summary>
    public string? PublicKeys { get; set; }

    /// <summary>File that holds the public keys instead.</summary>
    public string? PublicKeysFile { get; set; }

    /// <summary>Keys of backends that use the server API, as <c>name:hash</c>: the name under which the service acts, and the SHA-256 of its key in hexadecimal
    /// (<c>printf %s "$KEY" | sha256sum</c>). A key is sent as <c>X-Api-Key</c>; make it of 32 random bytes or more.</summary>
    /// <value>Default none.</value>
    public IList<string> ServiceKeys { get; } = [];

    /// <summary>Where the issuer publishes its keys (RFC 7517). Fetched when first needed, again when a token names an unknown key, and after <see cref="JwksMaxAge"/>.</summary>
    public string? JwksUrl { get; set; }

    /// <summary>Age at which published keys are fetched again.</summary>
    /// <value>1 minute to 1 day; default 10 minutes.</value>
    [Range(typeof(TimeSpan), "00:01:00", "1.00:00:00")]
    public TimeSpan JwksMaxAge { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>Time between two fetches at least, however many tokens name unknown keys.</summary>
    /// <value>1 second to 1 hour; default 10 seconds.</value>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan JwksMinInterval { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a revocation is kept that does not say when the last of its tokens ends: at least as long as tokens live.</summary>
    /// <value>1 minute to 10 years; default 30 days.</value>
    [Range(typeof(TimeSpan), "00:01:00", "3650.00:00:00")]
    public TimeSpan RevocationLife { get; set; } = TimeSpan.FromDays(30);

    /// <summary>Required <c>iss</c>; not checked when absent.</summary>
    public string? Issuer { get; set; }

    /// <summary>Required <c>aud</c> (one of the token's); not checked when absent.</summary>
    public string? Audience { get; set; }

    /// <summary>How far the clocks of issuer and node may differ.</summary>
    /// <value>0 to 5 minutes; default 5 seconds.</value>
    [Range(typeof(TimeSpan), "00:00:00", "00:05:00")]
    public TimeSpan ClockSkew { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Life of a token minted in mode <c>Development</c>.</summary>
    /// <value>1 second to 30 days; default 12 hours.</value>
    [Range(typeof(TimeSpan), "00:00:01", "30.00:00:00")]
    public TimeSpan DevelopmentTokenLife { get; set; } = TimeSpan.FromHours(12);
}

[OptionsValidator]
internal sealed partial class AuthOptionsValidator : IValidateOptions<AuthOptions>;
