using Yarp.ReverseProxy.LoadBalancing;
using Yarp.ReverseProxy.Model;

namespace Tertulia.Gateway.Links;

/// <summary>Of two nodes by chance the one with fewer clients and requests of this gateway: the proxy's own choice does not see what goes over links.</summary>
internal sealed class FewestClients(AllLinks links) : ILoadBalancingPolicy
{
    public const string PolicyName = "FewestClientsOfTwo";

    public string Name => PolicyName;

    public DestinationState? PickDestination(HttpContext context, ClusterState cluster, IReadOnlyList<DestinationState> availableDestinations)
    {
        switch (availableDestinations.Count)
        {
            case 0:
                return null;
            case 1:
                return availableDestinations[0];
        }

        var first = Random.Shared.Next(availableDestinations.Count);
        var second = Random.Shared.Next(availableDestinations.Count - 1);
        second += second >= first ? 1 : 0; // Another one.
        var (one, other) = (availableDestinations[first], availableDestinations[second]);
        return LoadOf(one) <= LoadOf(other) ? one : other;
    }

    private int LoadOf(DestinationState node) => node.ConcurrentRequestCount + links.ClientsOf(node.Model.Config.Address);
}
