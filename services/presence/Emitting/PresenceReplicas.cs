using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Presence.Emitting;

/// <summary>The presence replicas that know the whole picture; they share rooms and users out among themselves.</summary>
/// <remarks>This one joins only when its own picture is complete (<see cref="JoinAsync"/>), so that a new replica never emits from half a picture.</remarks>
internal sealed class PresenceReplicas(ILiveBus bus, ProcessIdentity identity, TimeProvider time) : IDisposable
{
    private readonly Replicas _replicas = new(bus, "presence", identity.Id, time);

    /// <summary>Ids of the live replicas, with this one's own.</summary>
    public IReadOnlyList<string> Live => _replicas.Live;

    /// <summary>Whether this replica emits for a room or a user.</summary>
    public bool Owns(string key) => _replicas.Owns(key);

    /// <summary>Whether this replica emits for a room or a user, and did not when these were the live ones.</summary>
    public bool Took(string key, IReadOnlyList<string> before) => Owns(key) && (before.Count == 0 || Rendezvous.OwnerOf(key, before) != identity.Id);

    public Task JoinAsync(CancellationToken cancellationToken) => _replicas.StartAsync(cancellationToken);

    public Task LeaveAsync(CancellationToken cancellationToken) => _replicas.StopAsync(cancellationToken);

    public void Dispose() => _replicas.Dispose();
}
