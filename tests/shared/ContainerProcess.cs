using System.Globalization;
using Docker.DotNet;
using Docker.DotNet.Models;
using DotNet.Testcontainers.Builders;
using DotNet.Testcontainers.Configurations;
using DotNet.Testcontainers.Containers;
using Microsoft.Extensions.Logging.Abstractions;

namespace Tertulia.Testing;

/// <summary>A server that runs in a container.</summary>
/// <param name="Image">Of <see cref="Servers"/>.</param>
/// <param name="Port">Where it listens inside.</param>
/// <param name="HostPort">Where it is reached, on the loopback address: chosen by us, so that it is the same after a restart.</param>
/// <param name="Folder">A folder of ours with its data: kept when the container is not.</param>
/// <param name="FolderInside">Where the server finds it.</param>
public sealed record ContainerStart(string Image, int Port, int HostPort, string Folder, string FolderInside)
{
    private const long SharedMemory = 256 * 1024 * 1024; // The engine's default of 64 MiB is little for a PostgreSQL with parallel queries.

    /// <summary>Its variables.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>Arguments of the image's entry point; empty for its own.</summary>
    public IReadOnlyList<string> Command { get; init; } = [];

    /// <summary>Small files that it is given, by their paths inside.</summary>
    public IReadOnlyDictionary<string, string> Files { get; init; } = new Dictionary<string, string>();

    /// <summary>What the engine is asked for, beyond what Testcontainers asks itself.</summary>
    /// <param name="create">The request.</param>
    /// <param name="user">Who it runs as, <c>id:id</c>, so that we may read and remove what it writes; null for the image's own choice.</param>
    public void Apply(CreateContainerParameters create, string? user)
    {
        if (user is not null)
        {
            create.User = user;
        }

        create.HostConfig ??= new HostConfig();
        create.HostConfig.ShmSize = SharedMemory;
        var inside = string.Create(CultureInfo.InvariantCulture, $"{Port}/tcp");
        create.HostConfig.PortBindings = new Dictionary<string, IList<PortBinding>>
        {
            [inside] = [new PortBinding { HostIP = "127.0.0.1", HostPort = HostPort.ToString(CultureInfo.InvariantCulture) }], // Testcontainers opens it to all.
        };
    }
}

/// <summary>A container of Testcontainers as a server that can be killed, frozen and started again like a process.</summary>
/// <remarks>The generic builder, not the modules: that of PostgreSQL turns fsync off, that of MongoDB turns authentication on, and what they add, to know when a
/// server is ready, is <see cref="ServerStart.IsReady"/> here, for processes and containers alike. Ryuk removes what a killed test run leaves behind.</remarks>
internal sealed class ContainerProcess : ServerProcess
{
    private readonly IContainer _container;
    private readonly DockerClient _engine;
    private readonly FileStream _log;
    private int _id;
    private Task<long> _exit = Task.FromResult(0L);

    private ContainerProcess(ServerStart start, IContainer container, FileStream log)
        : base(start)
    {
        _container = container;
        _log = log;
        _engine = TestcontainersSettings.OS.DockerEndpointAuthConfig.GetDockerClientBuilder(Guid.Empty).Build();
    }

    public override int Id => _id;

    public override bool HasExited => _exit.IsCompleted;

    public override int ExitCode => (int)(_exit.IsCompletedSuccessfully ? _exit.Result : throw new InvalidOperationException($"{Name} has not ended"));

    /// <summary>Starts one and waits until it is ready.</summary>
    /// <exception cref="InvalidOperationException">It ended, or was not ready in time.</exception>
    public static async Task<ServerProcess> StartAsync(ServerStart start, ContainerStart wanted, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(start.LogPath))!);
        Directory.CreateDirectory(wanted.Folder); // The engine would make one that belongs to root.
        var user = await Servers.UserAsync(cancellationToken);
        var log = new FileStream(start.LogPath, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        var builder = new ContainerBuilder(wanted.Image)
            .WithName($"tertulia-{start.Name}-{Guid.NewGuid():N}"[..32])
            .WithLogger(NullLogger.Instance)
            .WithEnvironment(wanted.Environment)
            .WithBindMount(wanted.Folder, wanted.FolderInside, AccessMode.ReadWrite)
            .WithPortBinding(wanted.HostPort, wanted.Port)
            .WithOutputConsumer(Consume.RedirectStdoutAndStderrToStream(log, log))
            .WithCreateParameterModifier(create => wanted.Apply(create, user));
        builder = wanted.Command.Count > 0 ? builder.WithCommand([.. wanted.Command]) : builder;
        foreach (var (path, text) in wanted.Files)
        {
            builder = builder.WithResourceMapping(System.Text.Encoding.UTF8.GetBytes(text), path);
        }

        var server = new ContainerProcess(start, builder.Build(), log);
        try
        {
            await server.StartAgainAsync(cancellationToken);
        }
        catch (Exception failed) when (failed is not OperationCanceledException)
        {
            await server.DisposeAsync();
            throw new InvalidOperationException($"{start.Name} did not start from {wanted.Image}: {failed.Message}", failed);
        }

        return await ReadyAsync(server, cancellationToken);
    }

    public override async Task KillAsync()
    {
        if (HasExited)
        {
            return;
        }

        try
        {
            await _engine.Containers.KillContainerAsync(_container.Id, new ContainerKillParameters { Signal = "SIGKILL" }, CancellationToken.None);
        }
        catch (DockerApiException refused) when (HasExited || refused.StatusCode == System.Net.HttpStatusCode.Conflict)
        {
            // It has ended by itself meanwhile.
        }

        await _exit;
    }

    /// <inheritdoc />
    /// <remarks>By the signal that its image names: PostgreSQL's ends the sessions that there are.</remarks>
    public override async Task<int> TerminateAsync(TimeSpan within, CancellationToken cancellationToken)
    {
        const int Killed = 137;
        await _engine.Containers.StopContainerAsync(
            _container.Id, new ContainerStopParameters { WaitBeforeKillSeconds = (uint)Math.Ceiling(within.TotalSeconds) }, cancellationToken);
        var exitCode = (int)await _exit.WaitAsync(cancellationToken);
        return exitCode != Killed ? exitCode : throw new TimeoutException($"{Name} did not end within {within.TotalSeconds} s of its signal to stop. {LogTail()}");
    }

    public override Task FreezeAsync() => _engine.Containers.PauseContainerAsync(_container.Id, CancellationToken.None);

    public override Task ContinueAsync() => _engine.Containers.UnpauseContainerAsync(_container.Id, CancellationToken.None);

    public override Task WaitForExitAsync(CancellationToken cancellationToken) => _exit.WaitAsync(cancellationToken);

    public override async ValueTask DisposeAsync()
    {
        await _container.DisposeAsync(); // Removes it, whether it runs or not.
        _engine.Dispose();
        await _log.DisposeAsync();
    }

    private protected override async Task StartAgainAsync(CancellationToken cancellationToken)
    {
        await _container.StartAsync(cancellationToken);
        _exit = _container.GetExitCodeAsync(CancellationToken.None);
        _id = (int)((await _engine.Containers.InspectContainerAsync(_container.Id, cancellationToken)).State?.Pid ?? 0);
    }
}
