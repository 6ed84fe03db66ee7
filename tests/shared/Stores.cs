using System.Globalization;
using Npgsql;

namespace Tertulia.Testing;

/// <summary>A PostgreSQL of our own, in a container or as a process: loopback only, default durability, everything it writes below one folder.</summary>
public sealed class PrivatePostgres : IAsyncDisposable
{
    private const string Installed = "/usr/lib/postgresql";
    private const string User = "tertulia";

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
        CultureInfo.InvariantCulture, $"Host=127.0.0.1;Port={Port};Username={User};Database={database}");

    /// <summary>Creates a cluster of databases in an empty folder and starts it; about 3 seconds.</summary>
    public static async Task<PrivatePostgres> StartAsync(string directory, string logPath, CancellationToken cancellationToken)
    {
        directory = Path.GetFullPath(directory);
        Directory.CreateDirectory(directory);
        var port = FreePorts.Next();
        var process = await Servers.InContainersAsync()
            ? await ContainerProcess.StartAsync(StartOf("postgres", []), Container(directory, port), cancellationToken)
            : await StartProcessAsync();
        return new PrivatePostgres(process, port, directory);

        ServerStart StartOf(string program, string[] arguments) => new("postgres", program, arguments, logPath, Ready.Postgres(port, User));

        async Task<ServerProcess> StartProcessAsync()
        {
            var command = await CommandAsync(directory, port, cancellationToken);
            return await ServerProcess.StartAsync(StartOf(command[0], command[1..]), cancellationToken);
        }
    }

    /// <summary>How it is started in a container.</summary>
    /// <param name="directory">Its data, on this machine.</param>
    /// <param name="port">Where it is reached.</param>
    public static ContainerStart Container(string directory, int port) => new(Servers.PostgresImage, 5432, port, directory, "/var/lib/postgresql/data")
    {
        Environment = new Dictionary<string, string>
        {
            ["POSTGRES_USER"] = User,
            ["POSTGRES_DB"] = "postgres",
            ["POSTGRES_HOST_AUTH_METHOD"] = "trust",
            ["POSTGRES_INITDB_ARGS"] = "-E UTF8 --locale=C --no-sync",
        },
    };

    /// <summary>Makes the files of a new server, when there are none, and says how it is started.</summary>
    private static async Task<string[]> CommandAsync(string directory, int port, CancellationToken cancellationToken)
    {
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
                [.. asOwner, Path.Combine(bin, "initdb"), "-D", directory, "-U", User, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
                cancellationToken);
        }

        return
        [
            .. asOwner, Path.Combine(bin, "postgres"), "-D", directory, "-h", "127.0.0.1",
            "-p", port.ToString(CultureInfo.InvariantCulture), "-c", "unix_socket_directories=",
        ];
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
    public async Task ExecuteAsync(string sql, CancellationToken cancellationToken)
    {
        var settings = new NpgsqlConnectionStringBuilder(ConnectionString()) { Options = "-c default_transaction_read_only=off", Pooling = false };
        await using var connection = new NpgsqlConnection(settings.ConnectionString);
        await connection.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <inheritdoc />
    public ValueTask DisposeAsync() => Process.DisposeAsync();

    private static string Binaries() =>
        Directory.Exists(Installed)
            ? Directory.EnumerateDirectories(Installed)
                .OrderByDescending(version => int.Parse(Path.GetFileName(version), CultureInfo.InvariantCulture)).First() + "/bin"
            : throw new InvalidOperationException($"PostgreSQL is not installed below {Installed}");

    /// <exception cref="InvalidOperationException">The user that runs PostgreSQL cannot get into the folder.</exception>
    private static async Task CheckReachableAsync(string[] asOwner, string directory, CancellationToken cancellationToken)
    {
        for (var end = 1; end > 0; end = directory.IndexOf(Path.DirectorySeparatorChar, end + 1))
        {
            var folder = directory[..end];
            string[] test = [.. asOwner, "test", "-x", folder];
            if ((await Servers.RunAsync(test[0], test[1..], cancellationToken)).ExitCode != 0)
            {
                throw new InvalidOperationException(
                    $"PostgreSQL does not run as root, and its user postgres may not enter {folder}: choose a folder outside of it with --data, or allow it with chmod o+x {folder}.");
            }
        }
    }

    private static async Task RunAsync(string[] command, CancellationToken cancellationToken)
    {
        var (exitCode, output) = await Servers.RunAsync(command[0], command[1..], cancellationToken);
        if (exitCode != 0)
        {
            throw new InvalidOperationException($"{string.Join(' ', command)} ended with {exitCode}: {output}");
        }
    }
}
