namespace Tertulia.Conformance.Bus;

public sealed class InProcessLiveBusTests() : LiveBusConformance(new InProcessCluster());

public sealed class InProcessSubmitQueueTests() : SubmitQueueConformance(new InProcessCluster());

[Collection(BrokerCollection.Name)]
public sealed class RabbitMqLiveBusTests(BrokerFixture broker) : LiveBusConformance(broker.NewCluster());

[Collection(BrokerCollection.Name)]
public sealed class RabbitMqSubmitQueueTests(BrokerFixture broker) : SubmitQueueConformance(broker.NewCluster());
