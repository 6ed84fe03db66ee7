using Tertulia.Testing;

namespace Tertulia.Conformance.Bus;

public sealed class InProcessLiveBusTests() : LiveBusConformance(new InProcessCluster());

public sealed class InProcessSubmitQueueTests() : SubmitQueueConformance(new InProcessCluster());

[Collection(BrokerCollection.Name)]
[Trait(Needs.Trait, Needs.RabbitMq)]
public sealed class RabbitMqLiveBusTests(BrokerFixture broker) : LiveBusConformance(broker.NewCluster());

[Collection(BrokerCollection.Name)]
[Trait(Needs.Trait, Needs.RabbitMq)]
public sealed class RabbitMqSubmitQueueTests(BrokerFixture broker) : SubmitQueueConformance(broker.NewCluster());
