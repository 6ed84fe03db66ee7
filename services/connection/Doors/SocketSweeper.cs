using System.Collections.Concurrent;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Limits;

namespace Tertulia.Connections.Doors;

/// <summary>The clock of all sockets: one loop looks once a second who takes nothing, does not answer a close, or does not say who it is.</summary>
internal sealed class SocketSweeper(UserRates rates, TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private const int SweepsPerRateSweep = 30;

    private readonly ConcurrentDictionary<NativeConnection, bool> _connections = new();

    public void Add(NativeConnection connection) => _connections.TryAdd(connection, true);

    public void Remove(NativeConnection connection) => _connections.TryRemove(connection, out _);

    /// <summary>One look at all of them.</summary>
    internal void Sweep()
    {
        foreach (var (connection, _) in _connections)
        {
            connection.Sweep();
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            for (var sweep = 1; await timer.WaitForNextTickAsync(stoppingToken); sweep++)
            {
                Sweep();
                if (sweep % SweepsPerRateSweep == 0)
                {
                    rates.Sweep();
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            return; // The server cuts what is still open.
        }
    }
}
