using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Tertulia.Bus.InProcess;

/// <summary>A candidate for the single active consumer of a partition, and the loop that calls it.</summary>
internal sealed partial class InProcessConsumer(
    InProcessPartition queue, int partition, Func<SubmitDelivery, ValueTask> receive, ILogger logger) : IPartitionConsumer
{
    private static readonly TimeSpan LastCall = TimeSpan.FromSeconds(5); // As long as the adapter with a broker waits by default.

    // Holds one wish to look again; more of them say the same.
    private readonly Channel<bool> _wake = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { SingleReader = true, FullMode = BoundedChannelFullMode.DropWrite });

    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource _lost = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _run = Task.CompletedTask;

    public int Partition => partition;

    /// <summary>Completes when the receiver threw; nothing else takes a consumer away here.</summary>
    public Task Lost => _lost.Task;

    public void Start()
    {
        Wake();
        _run = Task.Run(RunAsync);
    }

    public void Wake() => _wake.Writer.TryWrite(true);

    public ValueTask AcknowledgeAsync(SubmitDelivery upTo, CancellationToken cancellationToken)
    {
        queue.Acknowledge(this, upTo.Tag);
        return ValueTask.CompletedTask;
    }

    public ValueTask DeadLetterAsync(SubmitDelivery delivery, string reason, CancellationToken cancellationToken)
    {
        queue.DeadLetter(this, delivery, reason);
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        try
        {
            await _run.WaitAsync(LastCall); // First its last call, then the next consumer.
        }
        catch (TimeoutException)
        {
            LogNotClosed(partition);
        }

        queue.Remove(this);
    }

    private async Task RunAsync()
    {
        try
        {
            while (await _wake.Reader.WaitToReadAsync(_stopping.Token))
            {
                _wake.Reader.TryRead(out _); // Before looking: what comes from now on wakes again.
                while (!_stopping.IsCancellationRequested && queue.TryTake(this) is { } delivery)
                {
                    await receive(delivery);
                }
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            LogLeft(partition);
        }
        catch (Exception exception)
        {
            LogFailed(exception, partition); // What it did not acknowledge comes again to its successor.
        }
        finally
        {
            _lost.TrySetResult();
        }
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "Partition {Partition}: consumer left")]
    private partial void LogLeft(int partition);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Partition {Partition}: the receiver did not return in time")]
    private partial void LogNotClosed(int partition);

    [LoggerMessage(Level = LogLevel.Error, Message = "Partition {Partition}: the consumer failed")]
    private partial void LogFailed(Exception exception, int partition);
}
