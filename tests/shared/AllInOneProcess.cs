namespace Tertulia.Testing;

/// <summary>The whole product in one process, from the built program, with its data in a folder that outlives restarts.</summary>
public sealed class AllInOneProcess : IAsyncDisposable
{
    private readonly string _directory;

    private AllInOneProcess(ServerProcess process, string directory)
    {
        Process = process;
        _directory = directory;
    }

    /// <summary>Kill it, restart it.</summary>
    public ServerProcess Process { get; }

    /// <summary>Its one door.</summary>
    public Uri Url => Process.Url;

    private string Data => Path.Combine(_directory, "data");

    /// <summary>Keeps a copy of the data. Only while the process is down.</summary>
    /// <param name="name">Of the copy.</param>
    public void CopyData(string name) => Copy(Data, $"{Data}-{name}");

    /// <summary>Puts a copy in the place of the data, which are gone. Only while the process is down.</summary>
    public void RestoreData(string name)
    {
        Directory.Delete(Data, recursive: true);
        Copy($"{Data}-{name}", Data);
    }

    /// <summary>Starts it as <c>./dev run --urls --data</c> does, on a free port and an empty folder, and waits until it is ready.</summary>
    /// <param name="environment">Added to the environment: configuration keys.</param>
    /// <param name="cancellationToken">Stops the start.</param>
    public static async Task<AllInOneProcess> StartAsync(IReadOnlyDictionary<string, string>? environment, CancellationToken cancellationToken)
    {
        var directory = Path.Combine(Path.GetTempPath(), $"tertulia-{Guid.NewGuid():N}"[..24]);
        var url = new Uri($"http://127.0.0.1:{FreePorts.Next()}");
        string[] arguments =
        [
            Repository.Program("services/allinone", "Tertulia.AllInOne"), "--urls", url.OriginalString, "--data", Path.Combine(directory, "data"),
        ];
        var start = new ServerStart("allinone", "dotnet", arguments, Path.Combine(directory, "allinone.log"), Ready.Answers(new Uri(url, "/health/ready")))
        {
            Url = url,
            Environment = new Dictionary<string, string>(environment ?? new Dictionary<string, string>())
            {
                ["ASPNETCORE_ENVIRONMENT"] = "Development",
                ["Auth__Mode"] = "Development",
            },
        };
        return new AllInOneProcess(await ServerProcess.StartAsync(start, cancellationToken), directory);
    }

    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.EnumerateFiles(from))
        {
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        }
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await Process.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }
}
