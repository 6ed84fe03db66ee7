using Tertulia.Testing;

namespace Tertulia.Conformance.Bus;

/// <summary>The one broker of a run. Tests share it, one at a time, so that one of them may kill it.</summary>
public sealed class BrokerFixture : IAsyncLifetime
{
    private readonly string _directory = Directory.CreateTempSubdirectory("tertulia-broker-").FullName;
    private PrivateRabbitMq? _broker;

    internal PrivateRabbitMq Broker => _broker ?? throw new InvalidOperationException("not started");

    internal RabbitMqCluster NewCluster() => new(Broker.Uri);

    /// <summary>Kills the broker. Disposing the outage starts it again with its data, also when the test failed meanwhile.</summary>
    internal async Task<Outage> KillAsync()
    {
        await Broker.Process.KillAsync();
        return new Outage(Broker.Process);
    }

    public async Task InitializeAsync() =>
        _broker = await PrivateRabbitMq.StartAsync(_directory, Path.Combine(_directory, "start.log"), CancellationToken.None);

    public async Task DisposeAsync()
    {
        await Broker.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }
}

/// <summary>The time without a broker.</summary>
internal sealed class Outage(ServerProcess broker) : IAsyncDisposable
{
    /// <summary>Ends it.</summary>
    public async ValueTask DisposeAsync()
    {
        if (broker.HasExited)
        {
            await broker.RestartAsync(CancellationToken.None);
        }
    }
}

/// <summary>Everything that needs the broker.</summary>
[CollectionDefinition(Name)]
public sealed class BrokerCollection : ICollectionFixture<BrokerFixture>
{
    public const string Name = "broker";
}
