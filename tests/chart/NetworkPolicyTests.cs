using System.Net;
using System.Text.Json.Nodes;
using Tertulia.Testing;

namespace Tertulia.Chart.Tests;

/// <summary>The network policies, evaluated for each pair of pods, of each port: who may is exactly who has to.</summary>
[Trait(Needs.Trait, Needs.Helm)]
public sealed class NetworkPolicyTests
{
    private const string Space = "talk";
    private const int Http = 8080, Tls = 8443, Internal = 8081, Amqp = 5672, BrokerMetrics = 15692, Postgres = 5432, Mongo = 27017;

    private static readonly JsonObject OurSpace = new() { ["kubernetes.io/metadata.name"] = Space };
    private static readonly Peer Stranger = Peer.Outside("198.51.100.7");

    // Who calls whom, on which port. Whatever is not here must not get through.
    private static readonly HashSet<(string From, string To, int Port)> Needed =
    [
        ("gateway", "connection", Internal),
        ("connection", "message", Internal), ("connection", "presence", Internal), ("connection", "notification", Internal),
        ("message", "presence", Internal), ("notification", "message", Internal), ("notification", "presence", Internal),
        ("connection", "rabbitmq", Amqp), ("message", "rabbitmq", Amqp), ("presence", "rabbitmq", Amqp), ("notification", "rabbitmq", Amqp),
        ("message", "mongodb", Mongo), ("presence", "mongodb", Mongo), ("notification", "mongodb", Mongo),
    ];

    [Fact]
    public async Task Between_the_pods_of_the_release_there_is_what_is_needed_and_nothing_else()
    {
        var rendered = await Helm.RenderAsync("network-policies-strict");
        var network = NetworkOf(rendered);
        var pods = Pods(rendered);

        var allowed =
            from caller in pods
            from called in pods
            where caller != called
            from port in called.Ports.Values.Distinct()
            where network.Allows(caller, called, port)
            select (caller.Name, called.Name, port);

        Assert.Equal(Needed.Append(("verify", "gateway", Http)).Order(), allowed.Order());
    }

    [Fact]
    public async Task With_the_defaults_nothing_but_the_gateway_is_reachable_from_outside()
    {
        foreach (var rendered in await Helm.RenderAllAsync())
        {
            if (!rendered.OfKind("NetworkPolicy").Any())
            {
                Assert.Equal(["minimal", "no-network-policies"], new[] { "minimal", "no-network-policies" }.Union([rendered.Name]));
                continue;
            }

            var network = NetworkOf(rendered);
            var reachable = Pods(rendered).SelectMany(pod => pod.Ports.Values.Distinct().Where(port => network.Allows(Stranger, pod, port)).Select(port =>
                (pod.Name, port)));

            Assert.All(reachable, door => Assert.Contains(door, new[] { ("gateway", Http), ("gateway", Tls), ("coturn", 3478) }));
        }
    }

    [Fact]
    public async Task No_web_pod_reaches_the_store_and_no_pod_of_another_namespace_anything_but_the_gateway()
    {
        foreach (var rendered in (await Helm.RenderAllAsync()).Where(rendered => rendered.OfKind("NetworkPolicy").Any()))
        {
            var network = NetworkOf(rendered);
            var pods = Pods(rendered);
            var foreign = new Peer("foreign", new JsonObject { ["app.kubernetes.io/name"] = "tertulia" }, "elsewhere",
                new JsonObject { ["kubernetes.io/metadata.name"] = "elsewhere" }, null, new Dictionary<string, int>());

            Assert.All(
                from web in pods where web.Name is "gateway" or "connection" or "verify" or "coturn"
                from store in pods where store.Name is "postgresql" or "mongodb"
                from port in store.Ports.Values
                select network.Allows(web, store, port), Assert.False);
            Assert.All(
                from pod in pods where pod.Name is not ("gateway" or "coturn")
                from port in pod.Ports.Values where !ScrapesAnywhere(rendered) || port is not (Http or BrokerMetrics)
                select network.Allows(foreign, pod, port), Assert.False);
        }
    }

    [Fact]
    public async Task Who_keeps_data_reaches_the_store_that_was_chosen_and_there_is_no_other()
    {
        foreach (var (values, store, port) in ((string, string, int)[])[("default", "mongodb", Mongo), ("drill", "postgresql", Postgres)])
        {
            var rendered = await Helm.RenderAsync(values);
            var network = NetworkOf(rendered);
            var pods = Pods(rendered);
            var server = pods.Single(pod => pod.Name is "mongodb" or "postgresql");

            Assert.Equal(store, server.Name);
            Assert.Equal(
                ["message", "notification", "presence"],
                pods.Where(pod => pod.Name != store && network.Allows(pod, server, port)).Select(pod => pod.Name).Order(StringComparer.Ordinal));
        }
    }

    [Fact]
    public async Task Only_who_may_scrape_reaches_the_metrics()
    {
        var rendered = await Helm.RenderAsync("production");
        var network = NetworkOf(rendered);
        var prometheus = new Peer("prometheus", new JsonObject(), "monitoring", new JsonObject { ["kubernetes.io/metadata.name"] = "monitoring" }, null,
            new Dictionary<string, int>());
        var services = Pods(rendered).Where(pod => pod.Ports.ContainsKey("internal") || pod.Name == "gateway").ToArray();

        Assert.Equal(5, services.Length);
        Assert.All(services, pod => Assert.True(network.Allows(prometheus, pod, Http), pod.Name));
        Assert.All(services, pod => Assert.False(network.Allows(prometheus, pod, Internal), pod.Name));
        Assert.All(services, pod => Assert.False(network.Allows(Stranger, pod, Http), pod.Name)); // Here the gateway, too, is for the ingress only.
    }

    [Theory]
    [InlineData("gateway", false)]
    [InlineData("connection", false)]
    [InlineData("message", false)]
    [InlineData("presence", false)]
    [InlineData("notification", true)]
    public async Task Only_notifications_go_out_to_the_world_and_to_no_private_address(string component, bool mayGoOut)
    {
        var rendered = await Helm.RenderAsync("default");
        var network = NetworkOf(rendered);
        var pod = Pods(rendered).Single(pod => pod.Name == component);

        Assert.Equal(mayGoOut, network.Allows(pod, Stranger, 443));
        Assert.False(network.Allows(pod, Stranger, 80));
        Assert.All(["10.0.0.1", "192.168.1.1", "169.254.169.254", "fd00::1"], address => Assert.False(network.Allows(pod, Peer.Outside(address), 443)));
        Assert.True(network.Allows(pod, Peer.Outside("10.96.0.10"), 53, "UDP"));
    }

    [Theory]
    [InlineData("connection", 5671, true)]
    [InlineData("gateway", 5671, false)]
    [InlineData("message", 5672, false)]
    public async Task External_brokers_are_reached_on_their_port_by_those_who_need_them(string component, int port, bool reaches)
    {
        var rendered = await Helm.RenderAsync("rabbitmq-external");
        var pod = Pods(rendered).Single(pod => pod.Name == component);

        Assert.Equal(reaches, NetworkOf(rendered).Allows(pod, Peer.Outside("10.20.0.5"), port));
    }

    [Fact]
    public async Task The_operators_broker_is_reached_by_the_services_and_by_its_own_nodes()
    {
        var rendered = await Helm.RenderAsync("rabbitmq-operator");
        var network = NetworkOf(rendered);
        var broker = new Peer(
            "broker", new JsonObject { ["app.kubernetes.io/name"] = rendered.The("RabbitmqCluster", "rabbitmq").Name,
                ["app.kubernetes.io/component"] = "rabbitmq" },
            Space, OurSpace, null, new Dictionary<string, int>());
        var reaching = Pods(rendered).Where(pod => network.Allows(pod, broker, Amqp)).Select(pod => pod.Name);

        Assert.Equal(["connection", "message", "notification", "presence"], reaching.Order(StringComparer.Ordinal));
        Assert.True(network.Allows(broker, broker, 25672));
        Assert.False(network.Allows(Stranger, broker, Amqp));
        Assert.True(network.Allows(broker, Peer.Outside("10.96.0.1"), 443));
    }

    [Fact]
    public async Task The_job_that_makes_secrets_reaches_the_API_server_and_nothing_else()
    {
        var rendered = await Helm.RenderAsync("network-policies-strict");
        var network = NetworkOf(rendered);
        var job = Pods(rendered).Single(pod => pod.Name == "secrets");

        Assert.True(network.Allows(job, Peer.Outside("10.96.0.1"), 443));
        Assert.False(network.Allows(job, Peer.Outside("10.96.0.2"), 443));
        Assert.False(network.Allows(job, Stranger, 443));
    }

    private static bool ScrapesAnywhere(Rendered rendered) => rendered.Name is "observability" or "everything";

    private static PolicyEvaluator NetworkOf(Rendered rendered) => new(rendered.OfKind("NetworkPolicy"), Space);

    private static Peer[] Pods(Rendered rendered) =>
    [
        .. rendered.Workloads.Select(workload => new Peer(
            (string)workload.PodLabels["app.kubernetes.io/component"]!, workload.PodLabels, Space, OurSpace, IPAddress.Loopback,
            workload.Containers.SelectMany(container => container["ports"] as JsonArray ?? [])
                .ToDictionary(port => (string)port!["name"]!, port => (int)port!["containerPort"]!, StringComparer.Ordinal))),
    ];
}
