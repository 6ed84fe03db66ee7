using System.Diagnostics;
using System.Globalization;
using System.Runtime.Versioning;
using Tertulia.Testing;

namespace Tertulia.Architecture.Tests;

/// <summary><c>./dev test</c> gets what the tests need in the way that the caller may: the script itself, among programs that only note how they were called.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class DevScriptTests : IDisposable
{
    private const string Note = """
        #!/usr/bin/env bash
        printf '%s\n' "$(basename "$0") $*" >>"$NOTES"
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("tertulia-dev-").FullName;

    public DevScriptTests()
    {
        foreach (var file in (string[])["dev", "tests/container/Dockerfile"])
        {
            var copy = Path.Combine(_folder, file);
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(Path.Combine(Repository.Root, file), copy);
        }

        Program("tests/needs.sh", "#!/bin/sh\necho postgresql; echo no-such-package");
        Program("tests/run.sh", Note);
        Program("path/dotnet", Note);
        Program("path/docker", Note);
        Program("path/apt-get", Note + "\n[[ \"$*\" != *no-such-package* ]]");
    }

    private string Notes => Path.Combine(_folder, "notes");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Who_may_not_install_runs_the_suite_in_a_container_as_oneself()
    {
        Caller("4711");

        await TestAsync(("TERTULIA_SEED", "7"), ("TERTULIA_SUITE_SECONDS", "60"));

        var calls = Calls();
        Assert.Equal(["docker info", "docker build", "docker run"], calls.Select(call => string.Join(' ', call.Split(' ').Take(2))));
        Assert.Contains("--build-arg USER_ID=4711 --build-arg GROUP_ID=4711 -", calls[1], StringComparison.Ordinal);
        Assert.Contains("--rm --init ", calls[2], StringComparison.Ordinal);
        Assert.Contains($"--user 4711:4711 -v {_folder}:{_folder} -w {_folder} -e HOME={_folder}/.dev/home ", calls[2], StringComparison.Ordinal);
        Assert.Contains("-e TERTULIA_SEED -e TERTULIA_SUITE_SECONDS ", calls[2], StringComparison.Ordinal);
        Assert.EndsWith(" tertulia-tests ./dev test message", calls[2], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_an_engine_it_is_said_what_the_tests_need_and_the_others_run()
    {
        Caller("4711");
        Program("path/docker", Note + "\nexit 1");

        var said = await TestAsync();

        Assert.Contains("The tests need, as Debian calls them: postgresql no-such-package", said, StringComparison.Ordinal);
        Assert.Equal(["docker info", "dotnet build Microservices.sln -c Release -v q --nologo", "run.sh message"], Calls());
    }

    [Fact]
    public async Task In_the_container_no_other_one_is_started()
    {
        Caller("4711");

        await TestAsync(("TERTULIA_CONTAINER", "1"));

        Assert.DoesNotContain(Calls(), call => call.StartsWith("docker", StringComparison.Ordinal));
        Assert.Equal("run.sh message", Calls()[^1]);
    }

    [Fact]
    public async Task A_package_that_there_is_not_keeps_no_other_one_from_being_installed()
    {
        Caller("0");

        var said = await TestAsync();

        Assert.Equal(
            [
                "apt-get update -q", "apt-get install -qy --no-install-recommends postgresql no-such-package", "apt-get install -qy --no-install-recommends postgresql",
                "apt-get install -qy --no-install-recommends no-such-package",
            ],
            Calls().Where(call => call.StartsWith("apt-get", StringComparison.Ordinal)));
        Assert.Contains("apt-get could not install no-such-package", said, StringComparison.Ordinal);
        Assert.DoesNotContain("could not install postgresql", said, StringComparison.Ordinal);
        Assert.Equal("run.sh message", Calls()[^1]);
    }

    [Fact]
    public async Task What_a_build_leaves_running_keeps_no_other_build_waiting()
    {
        Caller("4711");
        Program("tests/needs.sh", "#!/bin/sh");
        Program("path/dotnet", "#!/bin/sh\nsleep 300 >/dev/null 2>&1 </dev/null &\necho $! >\"$NOTES\"");
        Program("tests/run.sh", "#!/bin/sh");
        try
        {
            await TestAsync();

            var (exitCode, _) = await Servers.RunAsync("flock", ["--nonblock", Path.Combine(_folder, ".dev/build.lock"), "true"]);
            Assert.Equal(0, exitCode);
        }
        finally
        {
            using var left = Process.GetProcessById(int.Parse(Calls()[0], CultureInfo.InvariantCulture));
            left.Kill();
        }
    }

    [Fact]
    public async Task Where_no_compiler_may_stay_the_one_of_the_build_is_ended_with_it()
    {
        Caller("4711");
        Program("tests/needs.sh", "#!/bin/sh");
        Program("path/dotnet", Note + "\n[[ $1 != msbuild ]] || echo /sdk/Roslyn");

        await TestAsync(("UseSharedCompilation", "false"));

        var calls = Calls();
        var server = calls[0].Split("-p:UseSharedCompilation=true -p:SharedCompilationId=")[1];
        Assert.Equal($"dotnet exec /sdk/Roslyn/bincore/VBCSCompiler.dll -shutdown -pipename:{server}", calls[2]);
        Assert.Equal("run.sh message", calls[^1]);
    }

    private string[] Calls() => File.ReadAllLines(Notes);

    private void Caller(string user) => Program("path/id", $"#!/bin/sh\necho {user}");

    private void Program(string name, string text)
    {
        var path = Path.Combine(_folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text + "\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    /// <returns>What it said.</returns>
    private async Task<string> TestAsync(params (string Name, string Value)[] environment)
    {
        var info = new ProcessStartInfo(Path.Combine(_folder, "dev"), ["test", "message"]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var name in info.Environment.Keys.Where(name => name is "UseSharedCompilation" || name.StartsWith("TERTULIA_", StringComparison.Ordinal)).ToArray())
        {
            info.Environment.Remove(name);
        }

        (info.Environment["NOTES"], info.Environment["PATH"]) = (Notes, $"{Path.Combine(_folder, "path")}:{info.Environment["PATH"]}");
        foreach (var (name, value) in environment)
        {
            info.Environment[name] = value;
        }

        using var process = Process.Start(info)!;
        process.StandardInput.Close();
        var output = Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await Eventually.CompletesAsync(process.WaitForExitAsync(), "the script ends");
        var said = string.Concat(await output);
        Assert.True(process.ExitCode == 0, said);
        return said;
    }
}
