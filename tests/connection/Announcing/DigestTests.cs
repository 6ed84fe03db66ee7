using Tertulia.Contracts;

namespace Tertulia.Connections.Tests.Announcing;

public sealed class DigestTests
{
    [Fact]
    public void It_is_fixed_for_ever()
    {
        Assert.Equal(Reference("c1\0lobby"u8), Digest.Of("c1", "lobby"));
        Assert.Equal(Reference("c1\0"u8), Digest.Of("c1", ""));
        Assert.Equal(Reference("é\0ü"u8), Digest.Of("é", "ü"));
    }

    [Fact]
    public void The_border_between_connection_and_room_counts() => Assert.NotEqual(Digest.Of("c1", "2"), Digest.Of("c12", ""));

    private static ulong Reference(ReadOnlySpan<byte> bytes)
    {
        var hash = 0xCBF29CE484222325UL;
        foreach (var b in bytes)
        {
            hash = (hash ^ b) * 0x100000001B3UL;
        }

        hash = (hash ^ (hash >> 30)) * 0xBF58476D1CE4E5B9UL;
        hash = (hash ^ (hash >> 27)) * 0x94D049BB133111EBUL;
        return hash ^ (hash >> 31);
    }
}
