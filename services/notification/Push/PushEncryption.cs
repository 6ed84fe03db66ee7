using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Tertulia.Notifications.Push;

/// <summary>The encryption of a push for one subscription (RFC 8291, content coding <c>aes128gcm</c> of RFC 8188): one record.</summary>
internal static class PushEncryption
{
    /// <summary>Bytes of a subscription's authentication secret.</summary>
    public const int AuthBytes = 16;

    /// <summary>Largest plaintext: push services take 4096 bytes (RFC 8030, 7.2), of which 86 are the header, 16 the tag, one the delimiter.</summary>
    public const int MaxPlaintextBytes = RecordBytes - HeaderBytes - TagBytes - 1;

    private const int RecordBytes = 4096;
    private const int SaltBytes = 16;
    private const int HeaderBytes = SaltBytes + 4 + 1 + P256.PointBytes;
    private const int TagBytes = 16;
    private const int KeyBytes = 16;
    private const int NonceBytes = 12;
    private const int HashBytes = 32;
    private const byte LastRecord = 2;

    /// <summary>Whether something is a subscription's public key: a point on the curve.</summary>
    public static bool IsPublicKey(ReadOnlySpan<byte> key)
    {
        try
        {
            using var imported = ECDiffieHellman.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, Q = P256.Decode(key) });
            return true;
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    /// <summary>The body of a request, with a key and a salt of its own.</summary>
    /// <param name="plaintext">At most <see cref="MaxPlaintextBytes"/>.</param>
    /// <param name="receiverKey">The subscription's <c>p256dh</c>.</param>
    /// <param name="auth">The subscription's <c>auth</c>.</param>
    public static byte[] Encrypt(ReadOnlySpan<byte> plaintext, ReadOnlySpan<byte> receiverKey, ReadOnlySpan<byte> auth)
    {
        using var sender = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
        return Encrypt(plaintext, receiverKey, auth, sender, RandomNumberGenerator.GetBytes(SaltBytes));
    }

    internal static byte[] Encrypt(ReadOnlySpan<byte> plaintext, ReadOnlySpan<byte> receiverKey, ReadOnlySpan<byte> auth, ECDiffieHellman sender, ReadOnlySpan<byte> salt)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(plaintext.Length, MaxPlaintextBytes, nameof(plaintext));
        var senderKey = P256.Encode(sender.ExportParameters(includePrivateParameters: false).Q);
        var (key, nonce) = Derive(sender, senderKey, receiverKey, auth, salt);

        var body = new byte[HeaderBytes + plaintext.Length + 1 + TagBytes];
        salt.CopyTo(body);
        BinaryPrimitives.WriteUInt32BigEndian(body.AsSpan(SaltBytes), RecordBytes);
        body[SaltBytes + 4] = P256.PointBytes;
        senderKey.CopyTo(body, SaltBytes + 5);

        Span<byte> record = [.. plaintext, LastRecord];
        using var cipher = new AesGcm(key, TagBytes);
        cipher.Encrypt(nonce, record, body.AsSpan(HeaderBytes, record.Length), body.AsSpan(HeaderBytes + record.Length));
        return body;
    }

    // RFC 8291, 3.4.
    private static (byte[] Key, byte[] Nonce) Derive(
        ECDiffieHellman sender, byte[] senderKey, ReadOnlySpan<byte> receiverKey, ReadOnlySpan<byte> auth, ReadOnlySpan<byte> salt)
    {
        using var receiver = ECDiffieHellman.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, Q = P256.Decode(receiverKey) });
        var shared = sender.DeriveRawSecretAgreement(receiver.PublicKey);
        Span<byte> extracted = stackalloc byte[HashBytes];
        HKDF.Extract(HashAlgorithmName.SHA256, shared, auth, extracted);
        Span<byte> input = stackalloc byte[HashBytes];
        HKDF.Expand(HashAlgorithmName.SHA256, extracted, input, [.. "WebPush: info\0"u8, .. receiverKey, .. senderKey]);

        HKDF.Extract(HashAlgorithmName.SHA256, input, salt, extracted);
        var key = new byte[KeyBytes];
        HKDF.Expand(HashAlgorithmName.SHA256, extracted, key, "Content-Encoding: aes128gcm\0"u8);
        var nonce = new byte[NonceBytes];
        HKDF.Expand(HashAlgorithmName.SHA256, extracted, nonce, "Content-Encoding: nonce\0"u8);
        return (key, nonce);
    }
}
