using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;

namespace Tertulia.Gateway.Tests;

/// <summary>What probes say of the nodes, and what they say of this process.</summary>
public sealed class DrainAwareHealthTests : IDestinationHealthUpdater
{
    private readonly ClusterState _cluster = new("connection");
    private readonly DestinationState _a = new("a");
    private readonly DestinationState _b = new("b");
    private readonly DrainAwareHealth _health;

    public DrainAwareHealthTests()
    {
        _health = new DrainAwareHealth(this, NullLogger<DrainAwareHealth>.Instance);
        Probe(Ready(_a), Ready(_b));
    }

    [Fact]
    public void A_node_that_does_not_answer_twice_while_another_does_gets_no_clients()
    {
        Probe(Late(_a), Ready(_b));
        Assert.Equal((DestinationHealth.Healthy, DestinationHealth.Healthy), States());

        Probe(Late(_a), Ready(_b));

        Assert.Equal((DestinationHealth.Unhealthy, DestinationHealth.Healthy), States());
    }

    [Fact]
    public void A_gateway_that_gets_no_cpu_does_not_take_all_nodes_for_dead()
    {
        for (var i = 0; i < 10; i++)
        {
            Probe(Late(_a), Late(_b));
        }

        Assert.Equal((DestinationHealth.Healthy, DestinationHealth.Healthy), States());
    }

    [Fact]
    public void Nodes_that_refuse_the_connection_are_dead_even_when_all_of_them_do()
    {
        Probe(Refused(_a), Refused(_b));
        Probe(Refused(_a), Refused(_b));

        Assert.Equal((DestinationHealth.Unhealthy, DestinationHealth.Unhealthy), States());
    }

    [Fact]
    public void A_node_that_says_that_it_is_not_ready_gets_no_clients_from_then_on()
    {
        Probe(NotReady(_a), Late(_b));

        Assert.Equal((DestinationHealth.Unhealthy, DestinationHealth.Healthy), States());
    }

    void IDestinationHealthUpdater.SetActive(ClusterState cluster, IEnumerable<NewActiveDestinationHealth> newHealthPairs)
    {
        foreach (var pair in newHealthPairs)
        {
            pair.Destination.Health.Active = pair.NewActiveHealth;
        }
    }

    void IDestinationHealthUpdater.SetPassive(ClusterState cluster, DestinationState destination, DestinationHealth newHealth, TimeSpan reactivationPeriod) =>
        throw new NotSupportedException();

    private static DestinationProbingResult Ready(DestinationState node) => new(node, new HttpResponseMessage(HttpStatusCode.OK), null);

    private static DestinationProbingResult NotReady(DestinationState node) => new(node, new HttpResponseMessage(HttpStatusCode.ServiceUnavailable), null);

    private static DestinationProbingResult Late(DestinationState node) => new(node, null, new OperationCanceledException());

    private static DestinationProbingResult Refused(DestinationState node) => new(node, null, new HttpRequestException());

    private void Probe(params DestinationProbingResult[] results) => _health.ProbingCompleted(_cluster, results);

    private (DestinationHealth A, DestinationHealth B) States() => (_a.Health.Active, _b.Health.Active);
}
