using System.IO.Hashing;
using System.Text;

namespace Tertulia.Feed.Tests;

public sealed class XxHash64Tests
{
    // The empty text is the specification's; the others are the vectors that implementations commonly share.
    [Theory]
    [InlineData("", "ef46db3751d8e999")]
    [InlineData("a", "d24ec4f1a98c6e5b")]
    [InlineData("as", "1c330fb2d66be179")]
    [InlineData("asd", "631c37ce72a97393")]
    [InlineData("abc", "44bc2cf5ad770999")]
    [InlineData("asdf", "415872f599cea71e")]
    [InlineData("Call me Ishmael. Some years ago--never mind how long precisely-", "02a2e85470d6fd96")]
    public void A_text_has_its_published_hash(string text, string expected) =>
        Assert.Equal(expected, Convert.ToHexStringLower(XxHash64.Hash(Encoding.ASCII.GetBytes(text))));

    // The reference implementation's own check: the first bytes of its sanity buffer, without a seed.
    [Theory]
    [InlineData(1, 0xE934A84ADB052768)]
    [InlineData(4, 0x9136A0DCA57457EE)]
    [InlineData(14, 0x8282DCC4994E35C8)]
    [InlineData(222, 0xB641AE8CB691C174)]
    public void The_sanity_buffer_has_its_published_hash(int length, ulong expected)
    {
        var buffer = new byte[length];
        ulong generator = 2_654_435_761;
        for (var i = 0; i < length; i++, generator *= 11_400_714_785_074_694_797)
        {
            buffer[i] = (byte)(generator >> 56);
        }

        Assert.Equal(expected.ToString("x16"), Convert.ToHexStringLower(XxHash64.Hash(buffer)));
    }
}
