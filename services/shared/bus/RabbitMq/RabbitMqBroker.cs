using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Tertulia.Bus.RabbitMq;

/// <summary>This process's two connections to the broker.</summary>
/// <remarks>Two, because a broker that is short of memory or disk stops reading from connections that publish: acknowledgements, which would
/// relieve it, must not be stuck behind what it does not take.</remarks>
internal sealed class RabbitMqBroker : IAsyncDisposable
{
    public RabbitMqBroker(
        IOptions<RabbitMqOptions> options, string processId, TimeProvider time, ILogger<RabbitMqBroker> logger)
    {
        Logger = logger;
        Topology = new Topology(options.Value, logger);
        Publishing = new BrokerConnection(options.Value, $"{processId}/publish", time, logger);
        Receiving = new BrokerConnection(options.Value, $"{processId}/receive", time, logger);
    }

    public ILogger Logger { get; }

    public Topology Topology { get; }

    public BrokerConnection Publishing { get; }

    public BrokerConnection Receiving { get; }

    /// <summary>How many of the two are open.</summary>
    public int Connections => (Publishing.IsConnected ? 1 : 0) + (Receiving.IsConnected ? 1 : 0);

    public bool IsConnected => Publishing.IsConnected && Receiving.IsConnected;

    public void Start()
    {
        Destination.Observe(this);
        Publishing.Start();
        Receiving.Start();
    }

    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(Publishing.DisposeAsync().AsTask(), Receiving.DisposeAsync().AsTask());
    }
}
