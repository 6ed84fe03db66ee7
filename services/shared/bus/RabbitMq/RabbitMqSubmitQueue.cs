using Tertulia.Contracts;

namespace Tertulia.Bus.RabbitMq;

/// <summary>The way of commands over RabbitMQ: one exclusive queue per message replica, transient messages (ADR 0006).</summary>
internal sealed class RabbitMqSubmitQueue : ISubmitQueue, IAsyncDisposable
{
    private readonly RabbitMqBroker _broker;
    private readonly ReceptionSet _receptions;
    private readonly ConfirmedPublisher _publisher;
    private readonly ConfirmedPublisher _errors;

    public RabbitMqSubmitQueue(RabbitMqBroker broker)
    {
        _broker = broker;
        _receptions = new(broker);
        _publisher = new(broker.Publishing, "submit", persistent: false, broker.Topology.DeclareExchangesAsync, broker.Logger);
        _errors = new(broker.Publishing, "submit errors", persistent: true, broker.Topology.DeclareErrorQueueAsync, broker.Logger);
    }

    public TimeSpan Pace => _broker.Publishing.Options.SubmitPace;

    public async Task<bool> PublishAsync(string replicaId, SubmitBatch batch, CancellationToken cancellationToken)
    {
        var publication = new Publication(_broker.Topology.ToMessage, new OutgoingMessage(_broker.Topology.Message, replicaId, Mandatory: true, batch));
        await _publisher.PublishAsync(publication, cancellationToken);
        return publication.Returned.Count == 0;
    }

    public Task<IAsyncDisposable> ReceiveAsync(
        string replicaId, Func<SubmitBatch, ValueTask> receive, Func<ValueTask> restored, CancellationToken cancellationToken) =>
        _receptions.AddAsync(new ReceptionPlan<SubmitBatch>
        {
            Queue = $"{_broker.Topology.Message}.{replicaId}",
            Counted = _broker.Topology.OfMessage,
            Arguments = _broker.Topology.SubmitArguments(),
            Bindings = [(_broker.Topology.Message, replicaId)],
            DeclareAsync = _broker.Topology.DeclareExchangesAsync,
            Parser = SubmitBatch.Parser,
            Receive = receive,
            Restored = restored,
        }, cancellationToken);

    public async Task DeadLetterAsync(SubmitBatch batch, string reason, CancellationToken cancellationToken)
    {
        var headers = new Dictionary<string, object?>
        {
            ["reason"] = reason,
            ["at"] = _broker.Publishing.Time.GetUtcNow().ToString("O"),
        };
        var message = new OutgoingMessage("", _broker.Topology.SubmitErrors, Mandatory: true, batch);
        var publication = new Publication(_broker.Topology.ToSubmitErrors, message) { Headers = headers };
        await _errors.PublishAsync(publication, cancellationToken);
        if (publication.Returned.Count > 0)
        {
            // The broker confirms also what it had to give back: it was not kept.
            throw new BusUnavailableException($"the queue {_broker.Topology.SubmitErrors} was deleted; it is declared again with the next connection to the broker");
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _receptions.DisposeAsync();
        await Task.WhenAll(_publisher.DisposeAsync().AsTask(), _errors.DisposeAsync().AsTask());
    }
}
