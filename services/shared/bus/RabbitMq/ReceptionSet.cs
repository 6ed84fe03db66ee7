using System.Collections.Concurrent;
using Google.Protobuf;

namespace Tertulia.Bus.RabbitMq;

/// <summary>The receptions of one adapter, ended with it.</summary>
internal sealed class ReceptionSet(RabbitMqBroker broker) : IAsyncDisposable
{
    private readonly ConcurrentDictionary<object, IAsyncDisposable> _receptions = [];

    /// <summary>Begins one, and completes when its queue is consumed.</summary>
    public async Task<IAsyncDisposable> AddAsync<T>(ReceptionPlan<T> plan, CancellationToken cancellationToken)
        where T : class, IMessage<T>
    {
        var key = new object();
        var reception = new Reception<T>(broker.Receiving, plan, broker.Logger) { Disposed = () => _receptions.TryRemove(key, out _) };
        _receptions[key] = reception;
        try
        {
            await reception.Established.WaitAsync(cancellationToken);
            return reception;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            await reception.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(_receptions.Values.Select(reception => reception.DisposeAsync().AsTask()));
    }
}
