using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Tertulia.Contracts;

namespace Tertulia.Bus.InProcess;

/// <summary>The way of commands within one process: a call. There is no queue, so that who sends waits while the replica cannot take more.</summary>
internal sealed partial class InProcessSubmitQueue(ILogger<InProcessSubmitQueue> logger) : ISubmitQueue
{
    private readonly ConcurrentDictionary<string, Replica> _replicas = new(StringComparer.Ordinal);

    /// <summary>Raised for what can never be handled. There is no queue that could keep it: it is logged, and dropped.</summary>
    internal event Action<SubmitBatch, string>? DeadLettered;

    public TimeSpan Pace => TimeSpan.Zero;

    public async Task<bool> PublishAsync(string replicaId, SubmitBatch batch, CancellationToken cancellationToken) =>
        _replicas.TryGetValue(replicaId, out var replica) && await replica.ReceiveAsync(batch, cancellationToken);

    /// <remarks>There is no broker to lose: <paramref name="restored"/> is never called.</remarks>
    public Task<IAsyncDisposable> ReceiveAsync(
        string replicaId, Func<SubmitBatch, ValueTask> receive, Func<ValueTask> restored, CancellationToken cancellationToken)
    {
        var replica = new Replica(receive, self => _replicas.TryRemove(new(replicaId, self)));
        return _replicas.TryAdd(replicaId, replica)
            ? Task.FromResult<IAsyncDisposable>(replica)
            : throw new InvalidOperationException($"{replicaId} receives already");
    }

    public Task DeadLetterAsync(SubmitBatch batch, string reason, CancellationToken cancellationToken)
    {
        LogDeadLettered(batch.NodeId, batch.Commands.Count, reason);
        DeadLettered?.Invoke(batch, reason);
        return Task.CompletedTask;
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "A batch of {Count} commands of node {NodeId} can never be handled: {Reason}")]
    private partial void LogDeadLettered(string nodeId, int count, string reason);

    /// <summary>One receiver, called by one sender at a time.</summary>
    private sealed class Replica(Func<SubmitBatch, ValueTask> receive, Action<Replica> closed) : IAsyncDisposable
    {
        private readonly SemaphoreSlim _turn = new(1, 1);
        private bool _isClosed;

        public async Task<bool> ReceiveAsync(SubmitBatch batch, CancellationToken cancellationToken)
        {
            await _turn.WaitAsync(cancellationToken);
            try
            {
                if (_isClosed)
                {
                    return false;
                }

                await receive(batch);
                return true;
            }
            finally
            {
                _turn.Release();
            }
        }

        public async ValueTask DisposeAsync()
        {
            closed(this);
            await _turn.WaitAsync();
            _isClosed = true;
            _turn.Release();
        }
    }
}
