namespace Tertulia.WebSocket.Tests;

/// <summary>The cases of the Autobahn test suite against node and gateway, over loopback.</summary>
/// <remarks>Where that suite expects an echo, the message here is one that the product answers with its <c>ref</c>: it has come whole.</remarks>
[Collection(ServersCollection.Name)]
public sealed class ConformanceTests(Servers servers)
{
    private static readonly Dictionary<string, Case> Plain = ((IEnumerable<Case>)[.. Case.Framing(), .. Utf8Cases.All(), .. LargeCases.All()]).ToDictionary(one => one.ToString(), StringComparer.Ordinal);
    private static readonly Dictionary<string, Case> Compressed = CompressionCases.All().ToDictionary(one => one.ToString(), StringComparer.Ordinal);

    public static TheoryData<string, string> PlainCases() => Table(Plain.Keys);

    public static TheoryData<string, string> CompressedCases() => Table(Compressed.Keys);

    [Theory]
    [MemberData(nameof(PlainCases))]
    public async Task Frames_are_read_as_the_RFC_has_it(string target, string one)
    {
        using var client = await RawClient.OpenAsync(servers.Of(target));

        await RunAsync(client, Plain[one]);
    }

    [Theory]
    [MemberData(nameof(CompressedCases))]
    public async Task Compressed_frames_are_read_as_the_RFC_has_it(string target, string one)
    {
        using var client = await RawClient.OpenAsync(servers.Of(target), "permessage-deflate");
        Assert.StartsWith("permessage-deflate", client.Extensions, StringComparison.Ordinal);

        await RunAsync(client, Compressed[one]);
    }

    private static TheoryData<string, string> Table(IEnumerable<string> cases)
    {
        var table = new TheoryData<string, string>();
        foreach (var one in cases)
        {
            foreach (var target in Servers.Targets)
            {
                table.Add(target, one);
            }
        }

        return table;
    }

    private static async Task RunAsync(RawClient client, Case one)
    {
        var closes = one.Expect.Length > 0 && one.Expect[^1].StartsWith("close", StringComparison.Ordinal);
        string[] expected = closes ? [.. one.Expect, "end"] : [.. one.Expect, $"pong {Case.Last}", "close 1000", "end"];
        // Written while what comes is read: neither side is to wait for the other one's window.
        var sending = SendAsync(client, one, closes);

        var seen = new List<string>();
        while (seen.Count < expected.Length && (seen.Count == 0 || seen[^1] != "end"))
        {
            seen.Add(await client.NextAsync());
            if (seen[^1] == Case.BadFrame || seen[^1] == "close 1009")
            {
                await client.SendAsync(Frames.CloseFrame(1000)); // The server waits for the answer, and then ends the connection.
            }
        }

        await sending;
        Assert.Equal(expected, seen);
    }

    private static async Task SendAsync(RawClient client, Case one, bool closes)
    {
        foreach (var bytes in one.Sends)
        {
            await client.SendAsync(bytes);
        }

        if (!closes)
        {
            await client.SendAsync(Frames.TextFrame(Frames.PingText(Case.Last)));
            await client.SendAsync(Frames.CloseFrame(1000));
        }
    }
}
