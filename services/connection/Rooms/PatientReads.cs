using Grpc.Core;
using Microsoft.Extensions.Options;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Rooms;

/// <summary>Reads that are tried again while the service behind is slow or away: what is late is answered late.</summary>
internal sealed class PatientReads(IOptions<RoomReadOptions> options, TimeProvider time)
{
    /// <summary>The time begins in which a join is tried again.</summary>
    public Patience Begin() => new(options.Value.Patience, time);

    /// <summary>The time begins in which a page of history is tried again.</summary>
    public Patience BeginHistory() => new(options.Value.HistoryPatience, time);
}

/// <summary>How long, and after which pauses, one request is tried again.</summary>
internal sealed class Patience(TimeSpan length, TimeProvider time)
{
    // Generous: a call that is given up is work done for nothing, and makes a process that is short of CPU slower still.
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Shortest = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan FirstBackOff = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestBackOff = TimeSpan.FromSeconds(5);

    private readonly long _begunAt = time.GetTimestamp();
    private TimeSpan _backOff = FirstBackOff;

    /// <summary>The same request may succeed later, and there is time for it.</summary>
    public bool Allows(Refusal refusal) =>
        refusal.Code is ErrorCode.Unavailable or ErrorCode.Overloaded && time.GetElapsedTime(_begunAt) < length;

    /// <summary>Calls until there is an answer.</summary>
    /// <exception cref="RpcException">Refused for good, or out of patience.</exception>
    public async Task<T> ReadAsync<T>(Func<CallOptions, AsyncUnaryCall<T>> call, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                return await call(new CallOptions(deadline: DateTime.UtcNow + Deadline(), cancellationToken: cancellationToken));
            }
            catch (RpcException exception) when (!cancellationToken.IsCancellationRequested && Allows(RpcErrors.ToRefusal(exception)))
            {
                await WaitAsync(RpcErrors.ToRefusal(exception), cancellationToken);
            }
        }
    }

    // The last attempt ends with the patience.
    private TimeSpan Deadline()
    {
        var left = length - time.GetElapsedTime(_begunAt);
        return left > Longest ? Longest : left < Shortest ? Shortest : left;
    }

    /// <summary>Before the next attempt.</summary>
    public async Task WaitAsync(Refusal refusal, CancellationToken cancellationToken)
    {
        var asked = TimeSpan.FromMilliseconds(refusal.RetryAfterMs);
        var pause = (_backOff > asked ? _backOff : asked) * (0.5 + Random.Shared.NextDouble());
        var left = length - time.GetElapsedTime(_begunAt); // The last attempt begins when the patience ends, not a back-off later.
        await Task.Delay(pause < left ? pause : left > TimeSpan.Zero ? left : TimeSpan.Zero, time, cancellationToken);
        _backOff = TimeSpan.FromTicks(Math.Min(_backOff.Ticks * 2, LongestBackOff.Ticks));
    }
}
