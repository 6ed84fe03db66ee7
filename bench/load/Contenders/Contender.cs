using Tertulia.Load.Dialects;
using Tertulia.Load.Measuring;
using Tertulia.Testing;

namespace Tertulia.Load.Contenders;

/// <summary>One system under test: its processes, all of them, and its doors.</summary>
/// <param name="dialect">How it is spoken to.</param>
/// <param name="doors">Addresses that clients are spread over.</param>
/// <param name="processes">Everything that works for it, broker and store included.</param>
/// <param name="owned">Disposed in this order at the end.</param>
internal sealed class Contender(
    Dialect dialect, IReadOnlyList<Uri> doors, IReadOnlyList<ServerProcess> processes, IReadOnlyList<IAsyncDisposable> owned) : IAsyncDisposable
{
    public Dialect Dialect { get; } = dialect;

    /// <summary>For calls that are not part of the load.</summary>
    public Uri Url { get; } = doors[0];

    public IReadOnlyList<Uri> Doors { get; } = doors;

    public IReadOnlyList<ushort> Ports { get; } = [.. doors.Select(door => checked((ushort)door.Port))];

    public IReadOnlyList<ServerProcess> Processes { get; } = processes;

    /// <summary>User and system time so far, by process name.</summary>
    public Dictionary<string, double> CpuSeconds()
    {
        var times = ProcessTimes.Read();
        return Processes.ToDictionary(process => process.Name, process => times.Seconds(process.Id));
    }

    /// <summary>Proportional set size, by process name.</summary>
    public Dictionary<string, long> ResidentBytes()
    {
        var times = ProcessTimes.Read();
        return Processes.ToDictionary(process => process.Name, process => times.ResidentBytes(process.Id));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var part in owned)
        {
            await part.DisposeAsync();
        }
    }
}
