using Tertulia.Hosting;
using Tertulia.Link;

namespace Tertulia.Gateway.Links;

/// <summary>The links to one node.</summary>
internal sealed class NodeLinks(string node, int count, LinkPace pace, WaitingBytes waiting, InternalAuth auth, InternalTls tls, TimeProvider time, ILogger logger)
{
    private readonly Lock _lock = new();
    private readonly Task<NodeLink>?[] _links = new Task<NodeLink>?[count];
    private int _next;
    private int _clients;

    /// <summary>Clients that it has, or is asked to take.</summary>
    public int Clients => Volatile.Read(ref _clients);

    public void Enter() => Interlocked.Increment(ref _clients);

    public void Leave() => Interlocked.Decrement(ref _clients);

    /// <summary>One of the links, made when it is first needed or was lost.</summary>
    /// <exception cref="LinkLostException">The node cannot be reached.</exception>
    public Task<NodeLink> GetAsync(CancellationToken stopping)
    {
        lock (_lock)
        {
            var index = _next;
            _next = (_next + 1) % _links.Length;
            if (_links[index] is not { } link || link.IsFaulted || (link.IsCompletedSuccessfully && link.Result.IsLost))
            {
                // Not with the token of who asks: others wait for the same link.
                _links[index] = link = NodeLink.ConnectAsync(node, pace, waiting, auth, tls, time, logger, stopping);
            }

            return link;
        }
    }

    /// <summary>Those that are up.</summary>
    public IEnumerable<NodeLink> Up()
    {
        for (var index = 0; index < _links.Length; index++)
        {
            if (Volatile.Read(ref _links[index]) is { IsCompletedSuccessfully: true } link && !link.Result.IsLost)
            {
                yield return link.Result;
            }
        }
    }
}
