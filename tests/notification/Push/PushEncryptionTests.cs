using System.Buffers.Text;
using System.Security.Cryptography;
using Tertulia.Notifications.Push;

namespace Tertulia.Notifications.Tests.Push;

public sealed class PushEncryptionTests
{
    [Fact]
    public void The_example_of_RFC_8291_comes_out_byte_for_byte()
    {
        var senderKey = Bytes("BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8");
        using var sender = ECDiffieHellman.Create(new ECParameters
        {
            Curve = ECCurve.NamedCurves.nistP256,
            Q = P256.Decode(senderKey),
            D = Bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"),
        });

        var body = PushEncryption.Encrypt(
            "When I grow up, I want to be a watermelon"u8,
            Bytes("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
            Bytes("BTBZMqHH6r4Tts7J_aSIgg"),
            sender,
            Bytes("DGv6ra1nlYgDCS1FRnbzlw"));

        Assert.Equal(
            "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN",
            Base64Url.EncodeToString(body));
    }

    [Fact]
    public void The_largest_text_makes_the_largest_body_that_services_take()
    {
        using var receiver = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
        var key = P256.Encode(receiver.ExportParameters(false).Q);

        var body = PushEncryption.Encrypt(new byte[PushEncryption.MaxPlaintextBytes], key, new byte[16]);

        Assert.Equal(4096, body.Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => PushEncryption.Encrypt(new byte[PushEncryption.MaxPlaintextBytes + 1], key, new byte[16]));
    }

    [Fact]
    public void A_key_is_a_point_on_the_curve()
    {
        using var receiver = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
        var key = P256.Encode(receiver.ExportParameters(false).Q);

        Assert.True(PushEncryption.IsPublicKey(key));
        key[40] ^= 1;
        Assert.False(PushEncryption.IsPublicKey(key));
        Assert.False(PushEncryption.IsPublicKey(key.AsSpan(1)));
        Assert.False(PushEncryption.IsPublicKey([]));
    }

    private static byte[] Bytes(string text) => Base64Url.DecodeFromChars(text);
}
