using Microsoft.Extensions.Logging;
using RabbitMQ.Client;

namespace Tertulia.Bus.RabbitMq;

/// <summary>Keeps one channel open for one purpose: whenever it is lost, opens the next one, on the next connection if need be.</summary>
internal sealed partial class ChannelLoop(BrokerConnection connection, string purpose, ILogger logger)
{
    /// <param name="channelOptions">Of every channel that is opened.</param>
    /// <param name="useAsync">Works on the channel until the token fires, which means that it is lost or that the loop stops; may throw anything.</param>
    /// <param name="stopping">Ends the loop; it then returns without throwing.</param>
    public Task RunAsync(
        CreateChannelOptions channelOptions, Func<IConnection, IChannel, CancellationToken, Task> useAsync, CancellationToken stopping) =>
        RetryLoop.RunAsync(token => OpenAndUseAsync(channelOptions, useAsync, token), connection.Options.MaxReconnectDelay, connection.Time, stopping);

    private async ValueTask<bool> OpenAndUseAsync(
        CreateChannelOptions channelOptions, Func<IConnection, IChannel, CancellationToken, Task> useAsync, CancellationToken stopping)
    {
        var time = connection.Time;
        var opened = time.GetTimestamp();
        try
        {
            var open = await connection.GetAsync(stopping);
            opened = time.GetTimestamp();
            var channel = await open.CreateChannelAsync(channelOptions, stopping);
            await UseAsync(open, channel, useAsync, stopping);
        }
        catch (Exception exception) when (!stopping.IsCancellationRequested)
        {
            LogFailed(purpose, exception.GetBaseException().Message);
        }
        catch (Exception)
        {
            LogEnded(purpose); // It stops, and what it was at was interrupted.
        }

        return time.GetElapsedTime(opened) > connection.Options.MaxReconnectDelay * 2;
    }

    private async Task UseAsync(
        IConnection open, IChannel channel, Func<IConnection, IChannel, CancellationToken, Task> useAsync, CancellationToken stopping)
    {
        var lost = new CancellationTokenSource(); // Without a timer or a link there is nothing to dispose, and the shutdown event may come late.
        await using var stop = stopping.Register(lost.Cancel);
        channel.ChannelShutdownAsync += (_, reason) =>
        {
            if (!stopping.IsCancellationRequested)
            {
                LogLost(purpose, reason.ReplyText);
            }

            return lost.CancelAsync();
        };
        try
        {
            await useAsync(open, channel, lost.Token);
        }
        catch (OperationCanceledException) when (lost.IsCancellationRequested)
        {
            LogEnded(purpose); // Already said why; the loop goes on, or stops.
        }
        finally
        {
            await CloseAsync(channel);
        }
    }

    private async Task CloseAsync(IChannel channel)
    {
        try
        {
            await channel.DisposeAsync().AsTask().WaitAsync(connection.Options.Timeout, connection.Time);
        }
        catch (Exception exception)
        {
            LogFailed(purpose, exception.GetBaseException().Message); // It is gone either way: the broker closes it with the connection.
        }
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "Channel {Purpose}: left")]
    private partial void LogEnded(string purpose);

    [LoggerMessage(Level = LogLevel.Information, Message = "Channel {Purpose}: lost: {Reason}")]
    private partial void LogLost(string purpose, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Channel {Purpose}: {Reason}")]
    private partial void LogFailed(string purpose, string reason);
}
