using Tertulia.Testing;

namespace Tertulia.Cluster;

/// <summary>What runs, for the person who started it.</summary>
internal static class ClusterTable
{
    public static void Write(ClusterProcesses cluster, TextWriter output)
    {
        foreach (var process in cluster.All.OrderBy(process => process.Name, StringComparer.Ordinal))
        {
            output.WriteLine($"  {process.Name,-14} process {process.Id,-8} {process.LogPath}");
        }

        output.WriteLine($"Ready: {string.Join(' ', cluster.Gateways.Select(gateway => gateway.Url))}  Try: ./dev chat 1 --url ws://127.0.0.1:{cluster.GatewayUrl.Port}  Ctrl-C stops all.");
    }
}
