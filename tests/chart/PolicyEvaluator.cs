using System.Net;
using System.Text.Json.Nodes;

namespace Tertulia.Chart.Tests;

/// <summary>One end of a connection.</summary>
/// <param name="Name">For messages.</param>
/// <param name="Labels">Of a pod; null for an address outside of the cluster.</param>
/// <param name="Space">Its namespace.</param>
/// <param name="SpaceLabels">Labels of the namespace.</param>
/// <param name="Address">Of what is outside.</param>
/// <param name="Ports">Named ports of the pod.</param>
internal sealed record Peer(string Name, JsonObject? Labels, string Space, JsonObject SpaceLabels, IPAddress? Address, IReadOnlyDictionary<string, int> Ports)
{
    public static Peer Outside(string address) => new(address, null, "", [], IPAddress.Parse(address), new Dictionary<string, int>());
}

/// <summary>Decides like a cluster's network: who is selected by no policy of a direction may all, the others what one of their policies allows
/// (https://kubernetes.io/docs/concepts/services-networking/network-policies).</summary>
internal sealed class PolicyEvaluator(IEnumerable<Manifest> policies, string space)
{
    private readonly Manifest[] _policies = [.. policies];

    /// <summary>Whether a connection is let out by the one and let in by the other.</summary>
    public bool Allows(Peer from, Peer to, int port, string protocol = "TCP") =>
        AllowsOneWay("Egress", "egress", "to", from, to, to, port, protocol) && AllowsOneWay("Ingress", "ingress", "from", to, from, to, port, protocol);

    private bool AllowsOneWay(string type, string rules, string peers, Peer subject, Peer other, Peer server, int port, string protocol)
    {
        var selecting = _policies.Where(policy => subject.Labels is not null && subject.Space == space
            && Texts(policy.Json["spec"]!["policyTypes"]).Contains(type) && Selects(policy.Json["spec"]!["podSelector"], subject.Labels)).ToArray();
        return selecting.Length == 0 || selecting.Any(policy => (policy.Json["spec"]![rules] as JsonArray ?? []).Any(rule =>
            Matches(rule!["ports"] as JsonArray, item => IsPort(item!, server, port, protocol)) && Matches(rule[peers] as JsonArray, item => IsPeer(item!,
                other))));
    }

    // Absent or empty is everything.
    private static bool Matches(JsonArray? items, Func<JsonNode?, bool> matches) => items is null or { Count: 0 } || items.Any(matches);

    private static bool IsPort(JsonNode item, Peer server, int port, string protocol)
    {
        if (((string?)item["protocol"] ?? "TCP") != protocol)
        {
            return false;
        }

        var first = item["port"] switch
        {
            null => port,
            var number when int.TryParse(number.ToString(), out var parsed) => parsed,
            var name => server.Ports.TryGetValue(name.ToString(), out var named) ? named : -1,
        };
        var last = item["endPort"] is { } end ? (int)end : first;
        return port >= first && port <= last;
    }

    private bool IsPeer(JsonNode item, Peer peer)
    {
        if (item["ipBlock"] is { } block)
        {
            return peer.Address is not null && IPNetwork.Parse((string)block["cidr"]!).Contains(peer.Address)
                && !Texts(block["except"]).Any(except => IPNetwork.Parse(except).Contains(peer.Address));
        }

        if (peer.Labels is null)
        {
            return false;
        }

        var isInSpace = item["namespaceSelector"] is { } spaces ? Selects(spaces, peer.SpaceLabels) : peer.Space == space;
        return isInSpace && (item["podSelector"] is not { } pods || Selects(pods, peer.Labels));
    }

    private static bool Selects(JsonNode? selector, JsonObject labels) =>
        (selector?["matchLabels"] as JsonObject ?? []).All(label => (string?)labels[label.Key] == (string?)label.Value)
        && (selector?["matchExpressions"] as JsonArray ?? []).All(expression => Holds(expression!, labels));

    private static bool Holds(JsonNode expression, JsonObject labels)
    {
        var value = (string?)labels[(string)expression["key"]!];
        return (string?)expression["operator"] switch
        {
            "In" => value is not null && Texts(expression["values"]).Contains(value),
            "NotIn" => value is null || !Texts(expression["values"]).Contains(value),
            "Exists" => value is not null,
            "DoesNotExist" => value is null,
            var other => throw new NotSupportedException(other),
        };
    }

    private static IReadOnlyList<string> Texts(JsonNode? list) => [.. (list as JsonArray ?? []).Select(item => (string)item!)];
}
