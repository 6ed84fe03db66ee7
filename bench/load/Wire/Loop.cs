using System.Diagnostics;

namespace Tertulia.Load.Wire;

/// <summary>All connections of the generator, on the thread that calls <see cref="Run"/>.</summary>
internal sealed class Loop : IDisposable
{
    private readonly List<Connection> _connections = [];

    /// <summary>Nanoseconds of the monotonic clock; on Linux a stopwatch tick is one.</summary>
    public static long Now => Stopwatch.GetTimestamp();

    internal Epoll Epoll { get; } = new();

    /// <summary>Shared by all connections, since one is read at a time; holds the largest message and what follows it.</summary>
    internal byte[] ReceiveBuffer { get; } = new byte[2 << 20];

    internal byte[] SendBuffer { get; } = new byte[FrameEncoder.MaxHeader + ushort.MaxValue];

    /// <summary>Time this thread worked rather than waited, in nanoseconds since the start.</summary>
    public long Busy { get; private set; }

    /// <summary>When the loop last looked at the clock after waiting.</summary>
    public long WokeAt { get; private set; } = Now;

    /// <summary>Begins to connect; does not wait.</summary>
    /// <param name="source">Last two bytes of the source address 127.0.x.y.</param>
    /// <param name="port">Port on 127.0.0.1.</param>
    /// <param name="handler">Who listens.</param>
    public Connection Connect(ushort source, ushort port, IConnectionHandler handler)
    {
        var connection = new Connection(this, Native.Connect(source, destination: 1, port), _connections.Count, handler);
        _connections.Add(connection);
        return connection;
    }

    /// <summary>Handles events until <paramref name="step"/> says that it is over.</summary>
    /// <param name="step">Called before each wait with the time; does what is due, and returns when it wants to be called next, at the latest, or null to stop.</param>
    public void Run(Func<long, long?> step)
    {
        while (step(Now) is { } next)
        {
            var before = Now;
            Busy += before - WokeAt;
            var count = Epoll.Wait(Math.Max(0, next - before));
            WokeAt = Now;
            for (var i = 0; i < count; i++)
            {
                var (tag, readable, writable) = Epoll.Event(i);
                var connection = _connections[tag];
                if (readable && !connection.IsClosed)
                {
                    connection.OnReadable();
                }

                if (writable && !connection.IsClosed)
                {
                    connection.OnWritable();
                }
            }
        }
    }

    /// <summary>Ends all connections.</summary>
    public void Dispose()
    {
        foreach (var connection in _connections)
        {
            connection.Abort();
        }

        Epoll.Dispose();
    }
}
