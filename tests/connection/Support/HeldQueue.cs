using Tertulia.Bus;
using Tertulia.Contracts;

namespace Tertulia.Connections.Tests.Support;

/// <summary>The queue of the process, with a broker that can be slow, away or full.</summary>
internal sealed class HeldQueue(ISubmitQueue queue) : ISubmitQueue
{
    private readonly Lock _lock = new();
    private TaskCompletionSource? _held;
    private Exception? _failure;

    /// <summary>How many commands each batch had that reached the queue.</summary>
    public List<int> Batches { get; } = [];

    /// <summary>Attempts to publish.</summary>
    public int Attempts { get; private set; }

    /// <summary>Confirms nothing until released.</summary>
    public void Hold()
    {
        lock (_lock)
        {
            _held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    public void Release()
    {
        lock (_lock)
        {
            _held?.TrySetResult();
            _held = null;
        }
    }

    /// <summary>Fails from now on; null: works again.</summary>
    public void Fail(Exception? failure)
    {
        lock (_lock)
        {
            _failure = failure;
        }
    }

    public async Task PublishAsync(SubmitBatch batch, CancellationToken cancellationToken)
    {
        Task? held;
        lock (_lock)
        {
            Attempts++;
            if (_failure is not null)
            {
                throw _failure;
            }

            held = _held?.Task;
        }

        if (held is not null)
        {
            await held.WaitAsync(cancellationToken);
        }

        await queue.PublishAsync(batch, cancellationToken);
        lock (_lock)
        {
            Batches.Add(batch.Commands.Count);
        }
    }

    public Task<IPartitionConsumer> ConsumeAsync(int partition, Func<SubmitDelivery, ValueTask> receive, CancellationToken cancellationToken) =>
        queue.ConsumeAsync(partition, receive, cancellationToken);
}
