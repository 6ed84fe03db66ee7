using System.Diagnostics;
using System.Globalization;

namespace Tertulia.Testing;

/// <summary>A PostgreSQL of our own: loopback only, default durability, everything it writes below one folder.</summary>
public sealed class PrivatePostgres : IAsyncDisposable
{
    private const string Installed = "/usr/lib/postgresql";

    private readonly string _directory;

    private PrivatePostgres(ServerProcess process, int port, string directory)
    {
        Process = process;
        Port = port;
        _directory = directory;
    }

    /// <summary>The postmaster; survives kill and restart with its data.</summary>
    public ServerProcess Process { get; }

    /// <summary>Where it listens.</summary>
    public int Port { get; }

    /// <summary>For Npgsql: the user <c>tertulia</c>, who may create databases.</summary>
    public string ConnectionString(string database = "postgres") => string.Create(
        CultureInfo.InvariantCulture, $"Host=127.0.0.1;Port={Port};Username=tertulia;Database={database}");

    /// <summary>Creates a cluster of databases in an empty folder and starts it; about 3 seconds.</summary>
    public static async Task<PrivatePostgres> StartAsync(string directory, string logPath, CancellationToken cancellationToken)
    {
        directory = Path.GetFullPath(directory);
        Directory.CreateDirectory(directory);
        // PostgreSQL refuses to run as root: then its own user runs it.
        string[] asOwner = Environment.IsPrivilegedProcess ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] : [];
        if (asOwner.Length > 0)
        {
            await RunAsync(["chown", "postgres:postgres", directory], cancellationToken);
            await CheckReachableAsync(asOwner, directory, cancellationToken);
        }

        var bin = Binaries();
        if (!File.Exists(Path.Combine(directory, "PG_VERSION")))
        {
            await RunAsync(
                [.. asOwner, Path.Combine(bin, "initdb"), "-D", directory, "-U", "tertulia", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
                cancellationToken);
        }

        var port = FreePorts.Next();
        string[] command =
        [
            .. asOwner, Path.Combine(bin, "postgres"), "-D", directory, "-h", "127.0.0.1",
            "-p", port.ToString(CultureInfo.InvariantCulture), "-c", "unix_socket_directories=",
        ];
        var isReady = new Func<CancellationToken, Task<bool>>(token => AnswersAsync(Path.Combine(bin, "pg_isready"), port, token));
        var process = await ServerProcess.StartAsync(new ServerStart("postgres", command[0], command[1..], logPath, isReady), cancellationToken);
        return new PrivatePostgres(process, port, directory);
    }

    /// <summary>Keeps a copy of the data beside it. Only while the server is down.</summary>
    /// <param name="name">Of the copy.</param>
    public Task CopyToAsync(string name, CancellationToken cancellationToken) => RunAsync(["cp", "-a", _directory, $"{_directory}-{name}"], cancellationToken);

    /// <summary>Puts a copy in the place of the data, which are gone. Only while the server is down.</summary>
    public async Task RestoreFromAsync(string name, CancellationToken cancellationToken)
    {
        Directory.Delete(_directory, recursive: true);
        await RunAsync(["cp", "-a", $"{_directory}-{name}", _directory], cancellationToken);
    }

    /// <summary>Runs a command as the superuser, whatever the server's defaults make of other sessions.</summary>
    public Task ExecuteAsync(string sql, CancellationToken cancellationToken) => RunAsync(
        [
            "env", "PGOPTIONS=-c default_transaction_read_only=off", Path.Combine(Binaries(), "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1",
            "-h", "127.0.0.1", "-p", Port.ToString(CultureInfo.InvariantCulture), "-U", "tertulia", "-d", "postgres", "-c", sql,
        ],
        cancellationToken);

    /// <inheritdoc />
    public ValueTask DisposeAsync() => Process.DisposeAsync();

    private static string Binaries() =>
        Directory.Exists(Installed)
            ? Directory.EnumerateDirectories(Installed)
                .OrderByDescending(version => int.Parse(Path.GetFileName(version), CultureInfo.InvariantCulture)).First() + "/bin"
            : throw new InvalidOperationException($"PostgreSQL is not installed below {Installed}");

    /// <summary>Listening is not enough: while it recovers from a crash it refuses sessions.</summary>
    private static async Task<bool> AnswersAsync(string program, int port, CancellationToken cancellationToken)
    {
        using var process = Launch(program, ["-q", "-h", "127.0.0.1", "-p", port.ToString(CultureInfo.InvariantCulture)]);
        await process.WaitForExitAsync(cancellationToken);
        return process.ExitCode == 0;
    }

    /// <exception cref="InvalidOperationException">The user that runs PostgreSQL cannot get into the folder.</exception>
    private static async Task CheckReachableAsync(string[] asOwner, string directory, CancellationToken cancellationToken)
    {
        for (var end = 1; end > 0; end = directory.IndexOf(Path.DirectorySeparatorChar, end + 1))
        {
            var folder = directory[..end];
            string[] test = [.. asOwner, "test", "-x", folder];
            using var process = Launch(test[0], test[1..]);
            await process.WaitForExitAsync(cancellationToken);
            if (process.ExitCode != 0)
            {
                throw new InvalidOperationException(
                    $"PostgreSQL does not run as root, and its user postgres may not enter {folder}: choose a folder outside of it with --data, or allow it with chmod o+x {folder}.");
            }
        }
    }

    private static async Task RunAsync(string[] command, CancellationToken cancellationToken)
    {
        using var process = Launch(command[0], command[1..]);
        var output = process.StandardOutput.ReadToEndAsync(cancellationToken);
        var errors = process.StandardError.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{string.Join(' ', command)} ended with {process.ExitCode}: {await output}{await errors}");
        }
    }

    private static Process Launch(string program, string[] arguments) =>
        System.Diagnostics.Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })
        ?? throw new InvalidOperationException($"{program} was not started");
}
