namespace Tertulia.Integration.Tests;

/// <summary>What the history checker found, as a test's result.</summary>
internal static class Guarantees
{
    public static void Held(IReadOnlyList<string> violations) =>
        Assert.True(violations.Count == 0, $"{violations.Count} violations:\n{string.Join('\n', violations.Take(20))}");
}
