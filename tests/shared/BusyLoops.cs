using System.Diagnostics;

namespace Tertulia.Testing;

/// <summary>Processes that take all the CPU they can get: what a machine is like whose other tenants are busy.</summary>
public sealed class BusyLoops : IDisposable
{
    // Ends with its input, so that a run that was killed leaves nothing behind. The shell gives what runs in the background another input: hence descriptor 3.
    private const string Script = "exec 3<&0; (cat <&3 >/dev/null; kill -9 $$) & while :; do :; done";

    private readonly List<Process> _loops = [];

    private BusyLoops()
    {
    }

    /// <summary>Starts them.</summary>
    /// <param name="count">Default 2: half of a machine with two cores, when somebody else wants it all, too.</param>
    public static BusyLoops Start(int count = 2)
    {
        var loops = new BusyLoops();
        for (var number = 0; number < count; number++)
        {
            var info = new ProcessStartInfo("sh", ["-c", Script]) { RedirectStandardInput = true };
            loops._loops.Add(Process.Start(info) ?? throw new InvalidOperationException("A busy loop was not started"));
        }

        return loops;
    }

    /// <summary>Ends them.</summary>
    public void Dispose()
    {
        foreach (var loop in _loops)
        {
            loop.Kill(entireProcessTree: true);
            loop.WaitForExit();
            loop.Dispose();
        }

        _loops.Clear();
    }
}
