using Tertulia.Bus;
using Tertulia.Contracts;

namespace Tertulia.Connections.Tests.Support;

/// <summary>The queue of the process, with a broker that can be slow, away or full, and a replica that can be gone.</summary>
internal sealed class HeldQueue(ISubmitQueue queue) : ISubmitQueue
{
    private readonly Lock _lock = new();
    private TaskCompletionSource? _held;
    private Func<SubmitBatch, Exception?>? _failure;

    /// <summary>How many commands each batch had that reached the queue.</summary>
    public List<int> Batches { get; } = [];

    /// <summary>Nobody receives.</summary>
    public bool IsGone { get; set; }

    public TimeSpan Pace => queue.Pace;

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
    public void Fail(Exception? failure) => FailWhen(failure is null ? null : _ => failure);

    /// <summary>Fails for the batches for which there is an exception; null: works again.</summary>
    public void FailWhen(Func<SubmitBatch, Exception?>? failure)
    {
        lock (_lock)
        {
            _failure = failure;
        }
    }

    public async Task<bool> PublishAsync(string replicaId, SubmitBatch batch, CancellationToken cancellationToken)
    {
        Task? held;
        lock (_lock)
        {
            Attempts++;
            if (_failure?.Invoke(batch) is { } failure)
            {
                throw failure;
            }

            held = _held?.Task;
        }

        if (held is not null)
        {
            await held.WaitAsync(cancellationToken);
        }

        var arrived = !IsGone && await queue.PublishAsync(replicaId, batch, cancellationToken);
        lock (_lock)
        {
            Batches.Add(batch.Commands.Count);
        }

        return arrived;
    }

    public Task<IAsyncDisposable> ReceiveAsync(
        string replicaId, Func<SubmitBatch, ValueTask> receive, Func<ValueTask> restored, CancellationToken cancellationToken) =>
        queue.ReceiveAsync(replicaId, receive, restored, cancellationToken);

    public Task DeadLetterAsync(SubmitBatch batch, string reason, CancellationToken cancellationToken) =>
        queue.DeadLetterAsync(batch, reason, cancellationToken);
}
