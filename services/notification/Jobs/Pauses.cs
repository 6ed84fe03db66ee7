namespace Tertulia.Notifications.Jobs;

/// <summary>How long a job is put off when the other side does not take it.</summary>
internal static class Pauses
{
    /// <summary>Twice as long each time, less up to a half by chance, so that what failed together does not come back together.</summary>
    /// <param name="attempts">How often it was put off before.</param>
    /// <param name="first">The first one.</param>
    /// <param name="longest">The longest one.</param>
    public static TimeSpan After(int attempts, TimeSpan first, TimeSpan longest)
    {
        var pause = first * Math.Pow(2, Math.Min(attempts, 30));
        return (pause > longest ? longest : pause) * (0.5 + (Random.Shared.NextDouble() / 2));
    }
}
