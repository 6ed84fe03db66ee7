using Microsoft.Extensions.Options;

namespace Tertulia.Gateway.Links;

/// <summary>Bytes that wait in this gateway for its clients, of all links together, against their budget. Any thread.</summary>
internal sealed class WaitingBytes(IOptions<GatewayOptions> options)
{
    private readonly long _budget = options.Value.SlowClientBytes;
    private long _bytes;

    /// <summary>Now.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>More than the budget.</summary>
    public bool IsOver => Bytes > _budget;

    /// <summary>More waits.</summary>
    public void Add(int bytes) => Interlocked.Add(ref _bytes, bytes);

    /// <summary>Less waits: it was written, or its client is gone.</summary>
    public void Remove(int bytes) => Interlocked.Add(ref _bytes, -bytes);
}
