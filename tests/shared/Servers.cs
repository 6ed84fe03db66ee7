using System.Diagnostics;

namespace Tertulia.Testing;

/// <summary>Where the tests' brokers and stores come from: containers where an engine answers, else programs of this machine.</summary>
public static class Servers
{
    /// <summary>The images, which are those of the chart; a test compares them.</summary>
    public const string RabbitMqImage = "rabbitmq:4.2-management";

    /// <inheritdoc cref="RabbitMqImage"/>
    public const string PostgresImage = "postgres:17.6";

    /// <inheritdoc cref="RabbitMqImage"/>
    public const string MongoImage = "mongo:8.0";

    private static readonly Lazy<Task<bool>> Containers = new(async () => (await RunAsync("bash", [Path.Combine(Repository.Root, "tests/containers.sh")])).ExitCode == 0);

    /// <summary>Whether RabbitMQ and PostgreSQL run in containers: asked once, of <c>tests/containers.sh</c>.</summary>
    public static Task<bool> InContainersAsync() => Containers.Value;

    /// <summary>Who writes into the folders of containers: we, <c>id:id</c>; null for root, whose servers change to users of their own.</summary>
    internal static async Task<string?> UserAsync(CancellationToken cancellationToken)
    {
        if (Environment.IsPrivilegedProcess)
        {
            return null;
        }

        var (_, user) = await RunAsync("id", ["-u"], cancellationToken);
        var (_, group) = await RunAsync("id", ["-g"], cancellationToken);
        return $"{user.Trim()}:{group.Trim()}";
    }

    /// <summary>Runs a program to its end.</summary>
    public static async Task<(int ExitCode, string Output)> RunAsync(string program, IEnumerable<string> arguments, CancellationToken cancellationToken = default)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })
            ?? throw new InvalidOperationException($"{program} was not started");
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(cancellationToken), process.StandardError.ReadToEndAsync(cancellationToken));
        await process.WaitForExitAsync(cancellationToken);
        return (process.ExitCode, await output + await errors);
    }
}
