using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>Whatever is killed between a commit and its publication: each mention is in the inbox, once.</summary>
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class FollowerTests : IAsyncLifetime
{
    private readonly string _faults = Directory.CreateTempSubdirectory("tertulia-faults-").FullName;
    private readonly string _room = $"follow-{Guid.NewGuid():N}";
    private ClusterProcesses _cluster = null!;

    private static CancellationToken Deadline => new CancellationTokenSource(TimeSpan.FromMinutes(2)).Token;

    public async Task InitializeAsync()
    {
        var host = Repository.Program("tests/faults", "Tertulia.FaultHost");
        _cluster = await ClusterProcesses.StartAsync(
            new ClusterLayout
            {
                Messages = 2,
                Notifications = 2,
                Hosts = new Dictionary<string, string> { ["message"] = host, ["notification"] = host },
                Environment = new Dictionary<string, string> { ["Fault__Folder"] = _faults },
            },
            Deadline);
    }

    public async Task DisposeAsync()
    {
        await _cluster.DisposeAsync();
        Directory.Delete(_faults, recursive: true);
    }

    [Fact]
    public async Task Each_mention_is_in_the_inbox_once_whatever_is_killed_before_it_told()
    {
        await (await ChatClient.JoinAsync(_cluster.NodeUrls[0], _room, "bruno")).DisposeAsync();
        await using var ana = await ChatClient.JoinAsync(_cluster.NodeUrls[0], _room, "ana");
        await using var bruno = await ChatClient.ConnectAsync(_cluster.NodeUrls[0], "/ws/notifications?user_id=bruno"); // Else there is nobody to be told.
        await ana.SayAsync("first @bruno");

        Arm("die-owner");
        await ana.SayAsync("die-owner @bruno"); // Answered by the next owner, who finds it in the log.
        await RestartAsync(_cluster.Messages);

        Arm("notified+die-follower");
        await ana.SayAsync("die-follower @bruno");
        await Eventually.HoldsAsync(() => _cluster.Notifications.Any(process => process.HasExited), "the follower is gone, with what it decided in its store");
        await RestartAsync(_cluster.Notifications);

        var eva = await ChatClient.JoinAsync(_cluster.NodeUrls[1], _room, "eva");
        Arm("hold-node");
        await eva.SendAsync("""{"type":"message","content":"hold-node @bruno","client_msg_id":"held"}""");
        await Eventually.HoldsAsync(() => File.Exists(Path.Combine(_faults, "hold-node.taken")), "the owner has committed what the node sent");
        await _cluster.Connections[1].KillAsync();
        await File.WriteAllTextAsync(Path.Combine(_faults, "go"), "");
        await RestartAsync(_cluster.Connections);
        await eva.DisposeAsync();
        await using var evaAgain = await ChatClient.JoinAsync(_cluster.NodeUrls[1], _room, "eva");
        var again = await evaAgain.AskAsync("\"type\":\"message\",\"content\":\"hold-node @bruno\",\"client_msg_id\":\"held\"");
        Assert.True(again.Flag("duplicate"));
        await ana.SayAsync("last @bruno");

        string[] expected = ["first @bruno", "die-owner @bruno", "die-follower @bruno", "hold-node @bruno", "last @bruno"];
        Frame? inbox = null; // While a replica starts again an answer may be "unavailable".
        await Eventually.EqualsAsync(expected.Length, async () => (inbox = await bruno.AskAsync("\"type\":\"notifications\"")).Number("unread"));
        var items = inbox!.Data.GetProperty("items").EnumerateArray().Reverse().ToArray();
        Assert.Equal(expected, items.Select(item => item.GetProperty("body").GetString()));
        Assert.Equal(Enumerable.Range(1, expected.Length), items.Select(item => item.GetProperty("useq").GetInt32()));

        await ana.SayAsync("live @bruno");
        var live = await bruno.WaitForAsync(frame => frame.Type == "notification" && frame.Text("body") == "live @bruno", "a mention while the device is there");
        Assert.Equal(("live @bruno", expected.Length + 1), (live.Text("body"), live.Number("useq")));
    }

    private void Arm(string fault) => File.WriteAllText(Path.Combine(_faults, fault), "");

    private static async Task RestartAsync(IReadOnlyList<ServerProcess> processes)
    {
        foreach (var process in processes.Where(process => process.HasExited))
        {
            await process.RestartAsync(Deadline);
        }
    }
}
