using System.ComponentModel;
using System.Diagnostics;

namespace Tertulia.Feed.Tests;

/// <summary><c>peer.py</c> as a process. Its standard input is open as long as this one lives, so it cannot outlive the tests.</summary>
internal sealed class PythonPeer : IAsyncDisposable
{
    // The distribution's own interpreter: the modules of its packages are not visible to any other.
    private const string Python = "/usr/bin/python3";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly Task<string> _errors;

    private PythonPeer(string command, string argument)
    {
        var start = new ProcessStartInfo(Python, [Path.Combine(AppContext.BaseDirectory, "peer.py"), command, argument])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        try
        {
            _process = Process.Start(start)!;
        }
        catch (Win32Exception missing)
        {
            throw new InvalidOperationException(
                $"There is no {Python}. The interop tests need the Debian packages python3 and python3-grpcio.", missing);
        }

        _errors = _process.StandardError.ReadToEndAsync();
    }

    public static async Task<PythonPeer> ServeAsync(string socketPath)
    {
        var peer = new PythonPeer("serve", socketPath);
        var line = await peer._process.StandardOutput.ReadLineAsync().WaitAsync(Patience);
        return line == "ready" ? peer : throw new InvalidOperationException($"peer.py does not serve. {await peer._errors}");
    }

    /// <summary>Runs all checks of <c>peer.py call</c>; fails with what it wrote.</summary>
    public static async Task CallAsync(string target)
    {
        await using var peer = new PythonPeer("call", target);
        var output = await peer._process.StandardOutput.ReadToEndAsync().WaitAsync(Patience);
        await peer._process.WaitForExitAsync().WaitAsync(Patience);
        Assert.True(peer._process.ExitCode == 0, $"peer.py failed. {await peer._errors}\nIt got as far as:\n{output}");
    }

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        try
        {
            await _process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(5));
        }
        catch (TimeoutException)
        {
            _process.Kill();
        }

        _process.Dispose();
    }
}
