using System.Runtime.Versioning;
using Docker.DotNet.Models;
using Tertulia.Testing;

namespace Tertulia.Architecture.Tests;

/// <summary>Brokers and stores of the tests are containers where an engine answers, else processes; what the engine is asked for.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class ServersTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tertulia-servers-").FullName;

    public ServersTests()
    {
        foreach (var program in (string[])["bash", "timeout"]) // All that the scripts need: what else this machine has is not looked at.
        {
            File.CreateSymbolicLink(Path.Combine(_folder, program), Path.Combine("/usr/bin", program));
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Where_an_engine_answers_they_are_containers_and_no_package_is_missing_for_them()
    {
        Engine("exit 0");

        Assert.Equal((0, "containers"), await SayAsync("containers.sh"));
        Assert.Equal((0, "docker"), await SayAsync("mongodb.sh"));
        Assert.DoesNotContain("rabbitmq-server", (await SayAsync("needs.sh")).Output, StringComparison.Ordinal);
        Assert.DoesNotContain("postgresql", (await SayAsync("needs.sh")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_does_not_want_containers_gets_processes()
    {
        Engine("exit 0");

        Assert.Equal((1, "TERTULIA_TEST_CONTAINERS is 0"), await SayAsync("containers.sh", "TERTULIA_TEST_CONTAINERS=0"));
        Assert.Equal(
            (1, "TERTULIA_TEST_MONGODB names none, mongod is not on the path, TERTULIA_TEST_CONTAINERS is 0"),
            await SayAsync("mongodb.sh", "TERTULIA_TEST_CONTAINERS=0"));
    }

    [Fact]
    public async Task An_engine_that_is_installed_and_does_not_run_is_none()
    {
        Engine("exit 1");

        Assert.Equal((1, "no Docker engine answers"), await SayAsync("containers.sh"));
    }

    [Fact]
    public void A_container_listens_on_the_loopback_address_at_the_port_that_was_chosen_and_writes_as_we()
    {
        var create = new CreateContainerParameters();

        PrivateRabbitMq.Container("/data", 12_345, ["max_message_size = 7"]).Apply(create, "1000:1001");

        var (inside, bindings) = Assert.Single(create.HostConfig!.PortBindings!);
        Assert.Equal(("5672/tcp", "127.0.0.1", "12345"), (inside, Assert.Single(bindings).HostIP, bindings[0].HostPort));
        Assert.Equal("1000:1001", create.User);
    }

    [Fact]
    public void Containers_keep_the_durability_of_production_and_know_each_other_by_no_password()
    {
        var postgres = PrivatePostgres.Container("/data", 1);
        var mongo = PrivateMongo.Container("/data", 2);
        var rabbit = PrivateRabbitMq.Container("/data", 3, ["max_message_size = 7"]);

        Assert.Empty(postgres.Command); // No fsync=off: what is acknowledged must outlive a kill.
        Assert.Equal(("trust", "tertulia"), (postgres.Environment["POSTGRES_HOST_AUTH_METHOD"], postgres.Environment["POSTGRES_USER"]));
        Assert.Equal(["--replSet", "tertulia", "--bind_ip_all"], mongo.Command.Take(3));
        Assert.Equal("loopback_users = none\nmax_message_size = 7\n", rabbit.Files["/etc/rabbitmq/conf.d/90-tertulia.conf"]);
        Assert.Equal("rabbit@localhost", rabbit.Environment["RABBITMQ_NODENAME"]);
    }

    private void Engine(string script)
    {
        var path = Path.Combine(_folder, "docker");
        File.WriteAllText(path, $"#!/bin/sh\n{script}\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    private async Task<(int ExitCode, string Output)> SayAsync(string script, params string[] environment)
    {
        var (exitCode, output) = await Servers.RunAsync(
            "env",
            [
                "-u", "TERTULIA_TEST_MONGODB", "-u", "TERTULIA_TEST_CONTAINERS", $"PATH={_folder}", .. environment,
                "bash", Path.Combine(Repository.Root, "tests", script),
            ]);
        return (exitCode, output.Trim());
    }
}
