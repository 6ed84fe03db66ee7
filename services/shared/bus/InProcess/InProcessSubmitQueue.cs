using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Tertulia.Contracts;

namespace Tertulia.Bus.InProcess;

/// <summary>The submit queues within one process. They live as long as it does: what was not acknowledged to a client is sent again by the client.</summary>
internal sealed partial class InProcessSubmitQueue : ISubmitQueue
{
    private readonly InProcessPartition[] _partitions;
    private readonly ILogger _logger;

    public InProcessSubmitQueue(IOptions<LiveBusOptions> busOptions, IOptions<InProcessBusOptions> options, ILogger<InProcessSubmitQueue> logger)
    {
        _logger = logger;
        _partitions = new InProcessPartition[busOptions.Value.Partitions];
        for (var partition = 0; partition < _partitions.Length; partition++)
        {
            _partitions[partition] = new InProcessPartition(partition, options.Value.PartitionCapacity, OnDeadLetter, logger);
        }
    }

    /// <summary>Raised for what can never be handled. There is no queue that could keep it: it is logged, and dropped.</summary>
    internal event Action<SubmitBatch, string>? DeadLettered;

    public Task PublishAsync(SubmitBatch batch, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((int)batch.Partition, _partitions.Length, nameof(batch));
        return _partitions[batch.Partition].TryEnqueue(batch)
            ? Task.CompletedTask
            : Task.FromException(new QueueFullException($"partition {batch.Partition} is full"));
    }

    public Task<IPartitionConsumer> ConsumeAsync(int partition, Func<SubmitDelivery, ValueTask> receive, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(partition);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(partition, _partitions.Length);
        return Task.FromResult<IPartitionConsumer>(_partitions[partition].AddConsumer(receive));
    }

    private void OnDeadLetter(SubmitBatch batch, string reason)
    {
        LogDeadLettered(batch.Partition, batch.NodeId, batch.Commands.Count, reason);
        DeadLettered?.Invoke(batch, reason);
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Partition {Partition}: a batch of {Count} commands of node {NodeId} can never be handled: {Reason}")]
    private partial void LogDeadLettered(uint partition, string nodeId, int count, string reason);
}
