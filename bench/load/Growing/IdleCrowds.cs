using System.Diagnostics;
using System.Globalization;

namespace Tertulia.Load.Growing;

/// <summary>More connections than one process may have descriptors for: shared out to copies of this program (<see cref="IdleCrowd"/>).</summary>
internal sealed class IdleCrowds : IDisposable
{
    private const int ClientsEach = 15_000;
    private readonly List<Process> _crowds = [];

    /// <param name="clients">The most there will be.</param>
    /// <param name="ports">Doors on the loopback address.</param>
    /// <param name="openWithin">How long opening may take, each time.</param>
    public IdleCrowds(int clients, IReadOnlyList<ushort> ports, TimeSpan openWithin)
    {
        for (var first = 0; first < clients; first += ClientsEach)
        {
            string[] arguments =
            [
                typeof(IdleCrowds).Assembly.Location, IdleCrowd.Verb,
                .. ((int[])[first, Math.Min(ClientsEach, clients - first), (int)openWithin.TotalSeconds, .. ports]).Select(number => number.ToString(CultureInfo.InvariantCulture)),
            ];
            _crowds.Add(Process.Start(new ProcessStartInfo("dotnet", arguments) { RedirectStandardInput = true, RedirectStandardOutput = true })!);
        }
    }

    /// <summary>Opens more until there are so many, a part in each process.</summary>
    /// <exception cref="InvalidOperationException">Not all could join.</exception>
    public void Open(int clients)
    {
        var asked = _crowds.Select((crowd, number) => (Crowd: crowd, Share: Math.Clamp(clients - number * ClientsEach, 0, ClientsEach))).Where(part => part.Share > 0).ToArray();
        foreach (var (crowd, share) in asked)
        {
            Ask(crowd, share);
        }
    }

    /// <summary>Asks whether all are still there.</summary>
    /// <exception cref="InvalidOperationException">Some were closed.</exception>
    public void ExpectAll() => _crowds.ForEach(crowd => Ask(crowd, 0));

    public void Dispose()
    {
        foreach (var crowd in _crowds)
        {
            crowd.StandardInput.Close(); // Ends it.
            crowd.WaitForExit();
            crowd.Dispose();
        }
    }

    private static void Ask(Process crowd, int clients)
    {
        crowd.StandardInput.WriteLine(clients.ToString(CultureInfo.InvariantCulture));
        crowd.StandardInput.Flush();
        if (crowd.StandardOutput.ReadLine() is var answer && answer != IdleCrowd.Done)
        {
            throw new InvalidOperationException($"idle connections: {answer ?? "their process ended"}");
        }
    }
}
