using Tertulia.Testing;

namespace Tertulia.Conformance.Bus;

/// <summary>The one broker of a run. Tests share it, one at a time, so that one of them may kill it.</summary>
public sealed class BrokerFixture : IAsyncLifetime
{
    private readonly string _directory = Directory.CreateTempSubdirectory("tertulia-broker-").FullName;
    private PrivateRabbitMq? _broker;

    internal PrivateRabbitMq Broker => _broker ?? throw new InvalidOperationException("not started");

    internal RabbitMqCluster NewCluster() => new(Broker.Uri);

    public async Task InitializeAsync() =>
        _broker = await PrivateRabbitMq.StartAsync(_directory, Path.Combine(_directory, "start.log"), CancellationToken.None);

    public async Task DisposeAsync()
    {
        await Broker.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }
}

/// <summary>Everything that needs the broker.</summary>
[CollectionDefinition(Name)]
public sealed class BrokerCollection : ICollectionFixture<BrokerFixture>
{
    public const string Name = "broker";
}
