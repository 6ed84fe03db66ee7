using System.Net.Sockets;
using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>A start, a conversation and a stop leave nothing in the logs that a person must look at, and nothing that is none of their business.</summary>
[Collection(AloneCollection.Name)] // A busy machine is a reason to warn.
public sealed class CleanLogsTests
{
    private const string Content = "a-content-that-no-log-may-hold";

    [Trait(Needs.Trait, Needs.RabbitMq)]
    [Trait(Needs.Trait, Needs.Postgres)]
    [Fact]
    public async Task Logs_hold_no_exception_no_token_and_no_content()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        var layout = new ClusterLayout { Environment = new Dictionary<string, string> { ["Auth__Secret"] = Tokens.Secret, ["Logging__LogLevel__Tertulia"] = "Debug" } };
        await using var cluster = await ClusterProcesses.StartAsync(layout, deadline.Token);
        var token = Tokens.For("ana", TimeSpan.FromHours(1));

        await ConverseAsync(cluster.GatewayUrl, token);
        await cluster.StopAsync(deadline.Token);

        foreach (var process in (ServerProcess[])[.. cluster.Gateways, .. cluster.Connections, .. cluster.Messages, .. cluster.Presences, .. cluster.Notifications])
        {
            Assert.Equal((process.Name, 0), (process.Name, process.ExitCode));
            await AssertCleanAsync(process, token);
        }
    }

    [Fact]
    public async Task The_log_of_the_one_process_holds_none_either()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        var environment = new Dictionary<string, string> { ["Auth__Secret"] = Tokens.Secret, ["Logging__LogLevel__Tertulia"] = "Debug" };
        await using var product = await AllInOneProcess.StartAsync(environment, deadline.Token);
        var token = Tokens.For("ana", TimeSpan.FromHours(1));

        await ConverseAsync(product.Url, token);

        Assert.Equal(0, await product.Process.TerminateAsync(TimeSpan.FromSeconds(20), deadline.Token));
        await AssertCleanAsync(product.Process, token);
    }

    [Fact]
    public async Task A_client_that_leaves_in_the_middle_of_a_request_is_no_failure()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        await using var product = await AllInOneProcess.StartAsync(new Dictionary<string, string> { ["Logging__LogLevel__Tertulia"] = "Debug" }, deadline.Token);

        using (var client = new TcpClient())
        {
            await client.ConnectAsync(product.Url.Host, product.Url.Port, deadline.Token);
            await client.GetStream().WriteAsync("POST /api/v1/auth/token HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"u8.ToArray(), deadline.Token);
            Assert.NotEqual(0, await client.GetStream().ReadAsync(new byte[100], deadline.Token)); // 100: it reads the body.
            client.Client.Close(timeout: 0); // A reset, as of a phone that lost its network.
        }

        string[] log = [];
        await Eventually.HoldsAsync(
            () => (log = File.ReadAllLines(product.Process.LogPath)).Any(line => line.Contains("POST /api/v1/auth/token: the client left", StringComparison.Ordinal)),
            "the process has noticed", () => product.Process.LogTail());
        Assert.DoesNotContain(log, line => line.Contains(" fail: ", StringComparison.Ordinal) || line.Contains("Exception", StringComparison.Ordinal));
    }

    /// <summary>One who leaves properly, one whose socket breaks, and a frame that is refused.</summary>
    private static async Task ConverseAsync(Uri door, string token)
    {
        await using var ana = await ChatClient.ConnectAsync(door, $"/ws/1?token={token}");
        await ana.WaitForAsync("connected");
        await using var bruno = await ChatClient.JoinAsync(door, "1", "bruno");
        await ana.SayAsync(Content);
        await bruno.WaitForAsync("message");
        await ana.AskAsync("\"type\":\"history\"");
        await bruno.SendAsync($"{{\"type\":\"message\",\"content\":\"{Content}");
        await bruno.WaitForAsync("error");
        await bruno.CloseAsync();
    }

    private static async Task AssertCleanAsync(ServerProcess process, string token)
    {
        var log = await File.ReadAllLinesAsync(process.LogPath);
        Assert.NotEmpty(log);
        var suspicious = log.Where(line => Suspicious(line, token)).ToArray();
        Assert.True(suspicious.Length == 0, $"{process.LogPath}:\n{string.Join('\n', suspicious)}"); // Whole lines: a list would be cut off.
    }

    private static bool Suspicious(string line, string token) =>
        line.Contains("Exception", StringComparison.OrdinalIgnoreCase)
        || line.Contains(" warn: ", StringComparison.Ordinal) || line.Contains(" fail: ", StringComparison.Ordinal) || line.Contains(" crit: ", StringComparison.Ordinal)
        || line.Contains(token, StringComparison.Ordinal) || line.Contains(token.Split('.')[1], StringComparison.Ordinal)
        || line.Contains(Content, StringComparison.Ordinal);
}
