using Tertulia.Testing;

namespace Tertulia.Cluster;

/// <summary>The few lines that the person who started the cluster needs. Which process is which is in a file beside the logs.</summary>
internal static class ClusterGreeting
{
    /// <summary>Writes them when everything runs.</summary>
    public static async Task WriteAsync(ClusterProcesses cluster, TextWriter output)
    {
        var webSocket = $"ws://{cluster.GatewayUrl.Authority}";
        var chat = cluster.GatewayUrl.Port == 8000 ? "./dev chat 1 --name Ana" : $"./dev chat 1 --name Ana --url {webSocket}";
        await output.WriteLineAsync($"""

            Tertulia is running, as {cluster.All.Count} processes.

              Open       {string.Join(' ', cluster.Gateways.Select(gateway => gateway.Url))}
              Chat       {chat}
              Connect    {webSocket}/ws/1?user_id=1&username=Juan
              Data       {Path.GetDirectoryName(cluster.LogDirectory)}
              Logs       {cluster.LogDirectory}
              Processes  {cluster.ListPath}

            Ctrl-C stops all of them.

            """);
    }
}
