using Microsoft.IdentityModel.Tokens;

namespace Tertulia.Connections.Auth;

/// <summary>The algorithms that tokens may be signed with (PROTOCOL §8), and which keys are for which: a public key never serves as a secret.</summary>
internal static class TokenAlgorithms
{
    /// <summary>A shared secret.</summary>
    public const string Hs256 = SecurityAlgorithms.HmacSha256;

    /// <summary>An RSA key.</summary>
    public const string Rs256 = SecurityAlgorithms.RsaSha256;

    /// <summary>A key on the curve P-256.</summary>
    public const string Es256 = SecurityAlgorithms.EcdsaSha256;

    /// <summary>The algorithm of a published key.</summary>
    /// <returns>Null when it is for another use, another algorithm, or a kind that is not accepted; secrets (<c>oct</c>) have no place in public.</returns>
    public static string? Of(JsonWebKey key) => key switch
    {
        { Use: not (null or "" or JsonWebKeyUseNames.Sig) } => null,
        { Kty: JsonWebAlgorithmsKeyTypes.RSA, Alg: null or "" or Rs256 } => Rs256,
        { Kty: JsonWebAlgorithmsKeyTypes.EllipticCurve, Crv: JsonWebKeyECTypes.P256, Alg: null or "" or Es256 } => Es256,
        _ => null,
    };
}
