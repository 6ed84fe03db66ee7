using System.Diagnostics;
using System.Globalization;
using Tertulia.Testing;
using Xunit.Abstractions;

namespace Tertulia.Integration.Tests;

/// <summary>Replaces all processes of a cluster one after another under load, and says what its clients noticed of it.</summary>
/// <param name="cluster">Whose processes.</param>
/// <param name="load">Its clients.</param>
/// <param name="output">Gets a line for each process.</param>
/// <param name="mostMoves">How often one process may cost a client its connection.</param>
internal sealed class RollingRestart(ClusterProcesses cluster, RoomLoad load, ITestOutputHelper output, int mostMoves = 1)
{
    /// <summary>Clients of a load that says 100 messages a second.</summary>
    public const int Clients = 200;

    private static readonly TimeSpan Within = TimeSpan.FromMinutes(1);
    private const int MessagesMeanwhile = 50;

    /// <summary>Each pauses up to four seconds and now and then says several things at once: more than 100 messages a second.</summary>
    public static RoomLoadStyle Style { get; } = new() { LongestPause = TimeSpan.FromSeconds(4), JoinWithin = TimeSpan.FromMinutes(1) };

    /// <summary>Sends SIGTERM to each process, waits for its end, starts it again and waits until the cluster is whole.</summary>
    /// <param name="startAsync">Starts a process that has ended, and waits until every gateway has its nodes again.</param>
    public async Task RunAsync(Func<ServerProcess, Task> startAsync)
    {
        var (began, acknowledged) = (Stopwatch.GetTimestamp(), load.Acknowledged);
        foreach (var process in (ServerProcess[])[.. cluster.Presences, .. cluster.Notifications, .. cluster.Messages, .. cluster.Connections, .. cluster.Gateways])
        {
            await ReplaceAsync(process, startAsync);
        }

        var (took, messages) = (Stopwatch.GetElapsedTime(began), load.Acknowledged - acknowledged);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{took.TotalSeconds:0} s, {messages} messages, {messages / took.TotalSeconds:0} a second"));
    }

    private async Task ReplaceAsync(ServerProcess process, Func<ServerProcess, Task> startAsync)
    {
        var before = Array.ConvertAll([.. load.Clients], client => client.CloseCodes.Count);
        var began = Stopwatch.GetTimestamp();
        using var stop = new CancellationTokenSource(Within);
        var exitCode = await process.TerminateAsync(Within, stop.Token);
        await load.WaitForMoreAsync(MessagesMeanwhile, Within); // The others do its work.
        var left = Stopwatch.GetElapsedTime(began);
        await startAsync(process);
        await load.WaitForMoreAsync(MessagesMeanwhile, Within);

        int[][] closes = [.. load.Clients.Zip(before, (client, count) => client.CloseCodes.Skip(count).ToArray())];
        var moved = closes.Count(codes => codes.Length > 0);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{process.Name}: gone and made up for within {left.TotalSeconds:0.0} s, there again after {Stopwatch.GetElapsedTime(began).TotalSeconds:0.0} s, {moved} clients moved, {closes.Max(codes => codes.Length)} times at most"));
        Assert.True(exitCode == 0, $"{process.Name} ended with {exitCode}. {process.LogTail(60)}");
        Assert.All(closes, codes => Assert.InRange(codes.Length, 0, HoldsClients(process) ? mostMoves : 0));
        Assert.All(closes.SelectMany(codes => codes), code => Assert.Contains(code, (int[])[1000, 4001]));
        Assert.Equal(HoldsClients(process), moved > 0);
    }

    private bool HoldsClients(ServerProcess process) => cluster.Connections.Contains(process) || cluster.Gateways.Contains(process);
}
