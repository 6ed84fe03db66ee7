using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;

namespace Tertulia.Testing;

/// <summary>How a server is started and how one knows that it is ready.</summary>
/// <param name="Name">What log file and messages call it, such as <c>connection-1</c>.</param>
/// <param name="FileName">Program, found through the search path.</param>
/// <param name="Arguments">Its arguments.</param>
/// <param name="LogPath">Where its output goes; appended to, so that a restart keeps what came before.</param>
/// <param name="IsReady">Asked again and again until it says yes; exceptions of sockets and HTTP mean not yet.</param>
public sealed record ServerStart(
    string Name, string FileName, IReadOnlyList<string> Arguments, string LogPath, Func<CancellationToken, Task<bool>> IsReady)
{
    /// <summary>Added to the environment of the calling process.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>Longest time from the start to the first yes.</summary>
    /// <value>Default 60 seconds: a broker on a busy machine.</value>
    public TimeSpan ReadyWithin { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Where clients find it; only carried along.</summary>
    public Uri? Url { get; init; }
}

/// <summary>One server that we started, as a process or in a container: its output is in a file of its own, and it is ended by its id and by nothing else.</summary>
public abstract class ServerProcess : IAsyncDisposable
{
    private static readonly TimeSpan AskEvery = TimeSpan.FromMilliseconds(50);

    private protected ServerProcess(ServerStart start) => Start = start;

    /// <summary>As in <see cref="ServerStart.Name"/>.</summary>
    public string Name => Start.Name;

    /// <summary>Whether clients have an address of it.</summary>
    public bool HasUrl => Start.Url is not null;

    /// <summary>As in <see cref="ServerStart.Url"/>.</summary>
    /// <exception cref="InvalidOperationException">It was started without one.</exception>
    public Uri Url => Start.Url ?? throw new InvalidOperationException($"{Name} has no address");

    /// <summary>Where its output goes.</summary>
    public string LogPath => Start.LogPath;

    /// <summary>The process id; another one after each restart. Of a container it is the engine's, which may be on another machine.</summary>
    public abstract int Id { get; }

    /// <summary>Whether it has ended.</summary>
    public abstract bool HasExited { get; }

    /// <summary>What it exited with: 128 + the signal when a signal ended it.</summary>
    public abstract int ExitCode { get; }

    private protected ServerStart Start { get; private set; }

    /// <summary>Starts a process and waits until it is ready.</summary>
    /// <exception cref="InvalidOperationException">It ended, or was not ready in time; the message has the end of its log.</exception>
    public static async Task<ServerProcess> StartAsync(ServerStart start, CancellationToken cancellationToken) =>
        await ReadyAsync(new HostProcess(start), cancellationToken);

    /// <summary>SIGKILL to it and all that it started: a crash.</summary>
    public abstract Task KillAsync();

    /// <summary>Asks it to end, then waits for its exit: a polite stop.</summary>
    /// <param name="within">After this time it is killed.</param>
    /// <param name="cancellationToken">Stops the waiting, not the process.</param>
    /// <returns>Its exit code.</returns>
    /// <exception cref="TimeoutException">It did not end in time; it has been killed.</exception>
    public abstract Task<int> TerminateAsync(TimeSpan within, CancellationToken cancellationToken);

    /// <summary>It keeps its connections and answers nothing, until <see cref="ContinueAsync"/>: SIGSTOP, or the pause of a container.</summary>
    public abstract Task FreezeAsync();

    /// <summary>The end of <see cref="FreezeAsync"/>.</summary>
    public abstract Task ContinueAsync();

    /// <summary>Returns when it has ended.</summary>
    public abstract Task WaitForExitAsync(CancellationToken cancellationToken);

    /// <summary>Kills it when it runs, starts it with the same command again, at the same address, and waits until it is ready.</summary>
    public async Task RestartAsync(CancellationToken cancellationToken)
    {
        await KillAsync();
        await StartAgainAsync(cancellationToken);
        await WaitUntilReadyAsync(cancellationToken);
    }

    /// <summary>The same with other arguments, from now on: of a process, another program.</summary>
    public Task RestartAsync(IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        Start = Start with { Arguments = arguments };
        return RestartAsync(cancellationToken);
    }

    /// <summary>The last lines of its log, for the message of a failure.</summary>
    public string LogTail(int lines = 25) =>
        File.Exists(LogPath) ? $"End of {LogPath}:\n{string.Join('\n', File.ReadLines(LogPath).TakeLast(lines))}" : $"{LogPath} does not exist";

    /// <inheritdoc />
    public abstract ValueTask DisposeAsync();

    /// <summary>The same server when it is ready; when it does not become so, nothing of it is left.</summary>
    private protected static async Task<ServerProcess> ReadyAsync(ServerProcess server, CancellationToken cancellationToken)
    {
        try
        {
            await server.WaitUntilReadyAsync(cancellationToken);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    private protected abstract Task StartAgainAsync(CancellationToken cancellationToken);

    private async Task WaitUntilReadyAsync(CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(Start.ReadyWithin);
        using var ask = new PeriodicTimer(AskEvery);
        try
        {
            do
            {
                if (HasExited)
                {
                    throw new InvalidOperationException($"{Name} ended with {ExitCode} before it was ready. {LogTail()}");
                }

                if (await IsReadyAsync(deadline.Token))
                {
                    return;
                }
            }
            while (await ask.WaitForNextTickAsync(deadline.Token));
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new InvalidOperationException($"{Name} was not ready within {Start.ReadyWithin.TotalSeconds} s. {LogTail()}");
        }
    }

    private async Task<bool> IsReadyAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await Start.IsReady(cancellationToken);
        }
        catch (Exception refused) when (refused is SocketException or HttpRequestException or IOException)
        {
            return false;
        }
    }
}

/// <summary>A process of this machine.</summary>
internal sealed partial class HostProcess : ServerProcess
{
    private const int SignalTerminate = 15;
    private const int SignalContinue = 18;
    private const int SignalStop = 19;
    private Process _process;

    internal HostProcess(ServerStart start)
        : base(start) => _process = Spawn(start);

    public override int Id => _process.Id;

    public override bool HasExited => _process.HasExited;

    public override int ExitCode => _process.ExitCode;

    public override async Task KillAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
        }

        await _process.WaitForExitAsync(CancellationToken.None);
    }

    /// <inheritdoc />
    public override async Task<int> TerminateAsync(TimeSpan within, CancellationToken cancellationToken)
    {
        Signal(SignalTerminate); // To it alone.
        try
        {
            await _process.WaitForExitAsync(cancellationToken).WaitAsync(within, cancellationToken);
        }
        catch (TimeoutException)
        {
            await KillAsync();
            throw new TimeoutException($"{Name} did not end within {within.TotalSeconds} s of SIGTERM. {LogTail()}");
        }

        return _process.ExitCode;
    }

    public override Task FreezeAsync()
    {
        Signal(SignalStop);
        return Task.CompletedTask;
    }

    public override Task ContinueAsync()
    {
        Signal(SignalContinue);
        return Task.CompletedTask;
    }

    public override Task WaitForExitAsync(CancellationToken cancellationToken) => _process.WaitForExitAsync(cancellationToken);

    public override async ValueTask DisposeAsync()
    {
        await KillAsync();
        _process.StandardInput.Close();
        _process.Dispose();
    }

    private protected override Task StartAgainAsync(CancellationToken cancellationToken)
    {
        _process.StandardInput.Close();
        _process.Dispose();
        _process = Spawn(Start);
        return Task.CompletedTask;
    }

    private void Signal(int signal)
    {
        if (!_process.HasExited && SendSignal(_process.Id, signal) != 0 && !_process.HasExited)
        {
            throw new InvalidOperationException($"{Name} (process {Id}) could not be signalled: error {Marshal.GetLastPInvokeError()}");
        }
    }

    private static Process Spawn(ServerStart start)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(start.LogPath))!);
        var info = new ProcessStartInfo("setsid") { UseShellExecute = false, RedirectStandardInput = true };
        // A session of its own, so that Ctrl-C reaches only us and we stop it in our order; the shell only opens the log.
        // Both replace themselves, so the id is the server's. However we end, our end of its input then closes, and what waits
        // for that kills the session: nothing is left behind by a test run that was killed.
        const string Script = """
            log=$1; shift; exec 3<&0
            (cat <&3 >/dev/null; kill -9 -$$) >/dev/null 2>&1 &
            exec "$@" >>"$log" 2>&1 </dev/null 3<&-
            """;
        foreach (var argument in (string[])["sh", "-c", Script, "sh", start.LogPath, start.FileName, .. start.Arguments])
        {
            info.ArgumentList.Add(argument);
        }

        foreach (var (name, value) in start.Environment)
        {
            info.Environment[name] = value;
        }

        return Process.Start(info) ?? throw new InvalidOperationException($"{start.Name} was not started");
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int SendSignal(int processId, int signal);
}

/// <summary>Ways to know that a server is ready.</summary>
public static class Ready
{
    private static readonly HttpClient Http = new() { Timeout = TimeSpan.FromSeconds(2) };

    /// <summary>Something listens on the loopback port.</summary>
    public static Func<CancellationToken, Task<bool>> Port(int port) => async cancellationToken =>
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, port, cancellationToken);
        return true;
    };

    /// <summary>A GET is answered with a success.</summary>
    public static Func<CancellationToken, Task<bool>> Answers(Uri url) => async cancellationToken =>
    {
        try
        {
            using var response = await Http.GetAsync(url, cancellationToken);
            return response.IsSuccessStatusCode;
        }
        catch (TaskCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return false; // HttpClient's own time-out.
        }
    };

    /// <summary>A RabbitMQ answers the header of AMQP with its first frame. In a container an open port says nothing: the engine opens it.</summary>
    public static Func<CancellationToken, Task<bool>> Amqp(int port) => async cancellationToken =>
        await FirstByteAsync(port, "AMQP\0\0\u0009\u0001"u8.ToArray(), cancellationToken) == 1;

    /// <summary>A PostgreSQL begins a session: while it recovers from a crash it listens and refuses them. Everybody may, as in the tests.</summary>
    public static Func<CancellationToken, Task<bool>> Postgres(int port, string user) => async cancellationToken =>
    {
        var body = Encoding.ASCII.GetBytes($"user\0{user}\0database\0postgres\0\0");
        var startup = new byte[8 + body.Length];
        BinaryPrimitives.WriteInt32BigEndian(startup, startup.Length);
        BinaryPrimitives.WriteInt32BigEndian(startup.AsSpan(4), 3 << 16); // The protocol's version 3.0.
        body.CopyTo(startup, 8);
        return await FirstByteAsync(port, startup, cancellationToken) == 'R'; // Authentication; a refusal begins with E.
    };

    private static async Task<int> FirstByteAsync(int port, byte[] greeting, CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(TimeSpan.FromSeconds(2));
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        var answer = new byte[1];
        try
        {
            await socket.ConnectAsync(IPAddress.Loopback, port, patience.Token);
            await socket.SendAsync(greeting, patience.Token);
            return await socket.ReceiveAsync(answer, patience.Token) == 0 ? -1 : answer[0];
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return -1; // It listens and does not answer yet.
        }
    }
}
