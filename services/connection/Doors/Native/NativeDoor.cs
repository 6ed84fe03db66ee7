using Microsoft.Extensions.Options;
using Tertulia.Connections.Events;
using Tertulia.Connections.Limits;
using Tertulia.Connections.Sessions;
using Tertulia.Hosting;

namespace Tertulia.Connections.Doors.Native;

/// <summary>What all WebSockets of the native protocol share.</summary>
internal sealed class NativeDoor(
    ISessionFlow flow, FrameReader reader, NativeFormat format, UserRates rates, IOptions<SocketOptions> sockets, IOptions<OutboxOptions> outbox,
    IOptions<LimitOptions> limits, OutboxBudget budget, TimeProvider time)
{
    /// <summary>What becomes of clients' commands.</summary>
    public ISessionFlow Flow => flow;

    /// <summary>Reads commands.</summary>
    public FrameReader Reader => reader;

    /// <summary>Writes events.</summary>
    public NativeFormat Format => format;

    /// <summary>Counts what is malformed, too.</summary>
    public UserRates Rates => rates;

    /// <summary>Of sockets.</summary>
    public SocketOptions Sockets { get; } = sockets.Value;

    /// <summary>Of outboxes.</summary>
    public OutboxOptions Outbox { get; } = outbox.Value;

    /// <summary>Of all outboxes together.</summary>
    public OutboxBudget Budget => budget;

    /// <summary>Of clients.</summary>
    public LimitOptions Limits { get; } = limits.Value;

    /// <summary>The clock.</summary>
    public TimeProvider Time => time;
}
