using System.Collections.Concurrent;
using System.Net;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;

namespace Tertulia.Gateway;

/// <summary>A node that says that it is not ready gets no new client from this moment; one that does not answer, after the second time.</summary>
internal sealed partial class DrainAwareHealth(IDestinationHealthUpdater updater, ILogger<DrainAwareHealth> logger) : IActiveHealthCheckPolicy
{
    public const string PolicyName = "DrainAware";

    /// <summary>Probes without an answer in a row: one may have met a moment's pause.</summary>
    private const int SilentProbes = 2;

    private readonly ConcurrentDictionary<string, int> _silent = new(StringComparer.Ordinal);

    public string Name => PolicyName;

    public void ProbingCompleted(ClusterState cluster, IReadOnlyList<DestinationProbingResult> probingResults)
    {
        if (probingResults.Count > 0 && probingResults.All(HasTimedOut))
        {
            return; // All at once, though none refused: it is rather this process that got no CPU. What was known before is the better guess.
        }

        var states = new NewActiveDestinationHealth[probingResults.Count];
        for (var i = 0; i < states.Length; i++)
        {
            var destination = probingResults[i].Destination;
            var before = destination.Health.Active;
            var now = Judge(probingResults[i], before);
            states[i] = new NewActiveDestinationHealth(destination, now);
            if (before != now)
            {
                Log(destination, now, probingResults[i]);
            }
        }

        updater.SetActive(cluster, states);
    }

    /// <summary>The node has said itself that it goes away, before the next probe asks it.</summary>
    public void GoesAway(ClusterState cluster, DestinationState node)
    {
        if (node.Health.Active != DestinationHealth.Unhealthy)
        {
            updater.SetActive(cluster, [new NewActiveDestinationHealth(node, DestinationHealth.Unhealthy)]);
            LogOut(node.DestinationId, "it goes away");
        }
    }

    private static bool HasTimedOut(DestinationProbingResult result) =>
        result is { Response: null, Exception: OperationCanceledException, Destination.Health.Active: not DestinationHealth.Unknown };

    private DestinationHealth Judge(DestinationProbingResult result, DestinationHealth before)
    {
        var id = result.Destination.DestinationId;
        if (result.Response is { } response)
        {
            _silent.TryRemove(id, out _);
            return response.StatusCode == HttpStatusCode.OK ? DestinationHealth.Healthy : DestinationHealth.Unhealthy;
        }

        var silent = _silent.AddOrUpdate(id, 1, (_, times) => times + 1);
        return silent >= SilentProbes || before == DestinationHealth.Unknown ? DestinationHealth.Unhealthy : before;
    }

    private void Log(DestinationState destination, DestinationHealth now, DestinationProbingResult result)
    {
        if (now == DestinationHealth.Healthy)
        {
            LogIn(destination.DestinationId);
        }
        else
        {
            LogOut(destination.DestinationId, result.Response is { } response ? $"not ready ({(int)response.StatusCode})" : "no answer");
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Node {Node} takes clients")]
    private partial void LogIn(string node);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Node {Node} gets no new clients: {Reason}")]
    private partial void LogOut(string node, string reason);
}
