using System.Buffers.Text;
using System.Globalization;
using System.Text;
using Tertulia.Load.Wire;

namespace Tertulia.Load.Storming;

/// <summary>A client that does nothing but come back: with back-off and full jitter, as docs/protocol.md asks for, resuming by seq.</summary>
/// <param name="crowd">Opens its connections, and is told what becomes of them.</param>
/// <param name="number">Number of the user.</param>
internal sealed class StormClient(StormCrowd crowd, int number) : IConnectionHandler
{
    private const int Members = 10;
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);

    private readonly Random _random = new(number);
    private Connection? _connection;
    private string _position = "";

    /// <summary>Number of the user.</summary>
    public int Number => number;

    /// <summary>It is in its room.</summary>
    public bool IsServed { get; private set; }

    /// <summary>When it lost its connection, or began; nanoseconds of the loop's clock.</summary>
    public long LostAt { get; private set; } = Loop.Now;

    /// <summary>When the attempt under way has begun.</summary>
    public long TriedAt { get; private set; }

    /// <summary>It waits for its greeting; else for its next attempt.</summary>
    public bool IsTrying { get; private set; }

    /// <summary>Attempts since it was served last.</summary>
    public int Attempts { get; private set; }

    /// <summary>Connects; greeted when it is in its room.</summary>
    public void Open(Loop loop, ushort source, ushort port)
    {
        (TriedAt, Attempts, IsTrying) = (Loop.Now, Attempts + 1, true);
        _connection = loop.Connect(source, port, this);
        _connection.Upgrade(string.Create(CultureInfo.InvariantCulture, $"/ws/storm-{number / Members}?user_id=storm-{number}&username=storm-{number}{_position}"));
    }

    /// <summary>Gives an attempt up that takes too long.</summary>
    public void GiveUp()
    {
        _connection!.Abort();
        Lost();
    }

    void IConnectionHandler.OnOpen(Connection connection)
    {
        // The greeting says that it is in its room.
    }

    void IConnectionHandler.OnText(Connection connection, ReadOnlySpan<byte> payload)
    {
        if (!IsServed && payload.IndexOf("\"type\":\"connected\""u8) is >= 0 and < 64)
        {
            var epoch = After(payload, "\"epoch\":\""u8);
            var seq = Utf8Parser.TryParse(After(payload, "\"seq\":"u8), out long last, out _) ? last : 0;
            _position = string.Create(CultureInfo.InvariantCulture, $"&last_seq={seq}&epoch={Encoding.ASCII.GetString(epoch[..Math.Max(0, epoch.IndexOf((byte)'"'))])}");
            (IsServed, IsTrying) = (true, false);
            crowd.OnServed(this);
            Attempts = 0;
        }
        else if (payload.IndexOf("\"type\":\"error\""u8) is >= 0 and < 64)
        {
            crowd.OnComplaint(Encoding.UTF8.GetString(payload[..Math.Min(payload.Length, 200)]));
        }
    }

    void IConnectionHandler.OnClosed(Connection connection, string reason)
    {
        if (!IsServed)
        {
            crowd.OnComplaint(reason);
        }

        Lost();
    }

    private void Lost()
    {
        var wasServed = IsServed;
        (IsServed, IsTrying, LostAt) = (false, false, wasServed ? Loop.Now : LostAt);
        var pause = FirstPause * Math.Pow(2, Math.Min(Attempts, 10));
        crowd.OnLost(this, wasServed, Loop.Now + (long)(_random.NextDouble() * Math.Min(pause.TotalSeconds, LongestPause.TotalSeconds) * 1e9));
    }

    private static ReadOnlySpan<byte> After(ReadOnlySpan<byte> payload, ReadOnlySpan<byte> key) =>
        payload.IndexOf(key) is var start and >= 0 ? payload[(start + key.Length)..] : [];
}
