using Tertulia.Testing;

namespace Tertulia.Architecture.Tests;

/// <summary>During a roll-out two versions talk to each other: what is on the wire is added to and never changed.</summary>
/// <remarks><c>contracts/surface.txt</c> holds what was there. <c>TERTULIA_ACCEPT_SURFACE=1 ./dev test architecture</c> adds what is new. A field that is
/// renumbered, retyped or removed is not accepted that way: whoever means it edits the file by hand, and a reviewer sees it.</remarks>
public sealed class WireSurfaceTests
{
    private const string Accept = "TERTULIA_ACCEPT_SURFACE";

    private static readonly string Recorded = Path.Combine(Repository.Root, "contracts/surface.txt");

    [Fact]
    public void Nothing_that_was_on_the_wire_is_renumbered_retyped_or_removed()
    {
        var now = WireSurface.Lines().ToDictionary(WireSurface.Subject);
        var offences =
            from line in File.ReadAllLines(Recorded)
            let actual = now.GetValueOrDefault(WireSurface.Subject(line))
            where actual != line
            select $"{line}   is now   {actual ?? "removed"}";

        Assert.Empty(offences);
    }

    [Fact]
    public void Everything_on_the_wire_is_recorded()
    {
        var now = WireSurface.Lines();
        var before = File.ReadAllLines(Recorded);
        if (Environment.GetEnvironmentVariable(Accept) == "1" && !before.Except(now).Any())
        {
            File.WriteAllLines(Recorded, now);
            return;
        }

        var added = now.Except(before).ToArray();
        Assert.True(added.Length == 0, $"New on the wire; if it is meant, run {Accept}=1 ./dev test architecture:\n{string.Join('\n', added)}");
        Assert.Equal(now, before);
    }
}
