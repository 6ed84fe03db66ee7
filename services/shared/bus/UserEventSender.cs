using Grpc.Core;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Bus;

/// <summary>From a service to all devices of users: presence says on which nodes they are.</summary>
/// <remarks>At most once, and never the only way to learn of something: what is sent is kept elsewhere, and devices read it when they come back.</remarks>
public sealed class UserEventSender(ILiveBus bus, PresenceService.PresenceServiceClient presence, ProcessIdentity process)
{
    /// <summary>Users that one call of <c>LocateUsers</c> asks for at most.</summary>
    public const int MaxUsers = 1_000;

    private const int MaxBatchBytes = 512 * 1024;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>Sends each event to the nodes that hold its user; users without a connection cost one line of a question.</summary>
    /// <remarks>While presence does not answer, all nodes are told, and those that have no device of the user ignore it.</remarks>
    /// <returns>The nodes that were told of each user, none for who has no connection; a user of whom all nodes were told is absent.</returns>
    /// <exception cref="BusUnavailableException">The broker did not confirm: some may have been told.</exception>
    public async Task<Dictionary<string, IReadOnlyList<string>>> SendAsync(IReadOnlyCollection<UserEvent> events, CancellationToken cancellationToken)
    {
        var located = new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal);
        foreach (var part in events.Chunk(MaxUsers))
        {
            if (await LocateAsync(part.Select(told => told.UserId), cancellationToken) is not { } nodes)
            {
                foreach (var batch in Cut(part))
                {
                    await bus.SendToAllNodesAsync(batch, cancellationToken);
                }

                continue;
            }

            foreach (var told in part)
            {
                located[told.UserId] = nodes.GetValueOrDefault(told.UserId) ?? [];
            }

            await SendToAsync(part.SelectMany(told => located[told.UserId].Select(nodeId => (nodeId, told))), cancellationToken);
        }

        return located;
    }

    /// <summary>Sends events to nodes that the caller knows.</summary>
    /// <exception cref="BusUnavailableException">The broker did not confirm: some may have been told.</exception>
    public async Task SendToAsync(IEnumerable<(string NodeId, UserEvent Event)> events, CancellationToken cancellationToken)
    {
        var byNode = new Dictionary<string, List<UserEvent>>(StringComparer.Ordinal);
        foreach (var (nodeId, told) in events)
        {
            (byNode.TryGetValue(nodeId, out var forNode) ? forNode : byNode[nodeId] = []).Add(told);
        }

        NodeSend[] sends = [.. byNode.SelectMany(forNode => Cut(forNode.Value).Select(batch => new NodeSend(forNode.Key, batch)))];
        if (sends.Length > 0)
        {
            await bus.SendToNodesAsync(sends, cancellationToken);
        }
    }

    /// <summary>Where users are.</summary>
    /// <param name="userIds">At most <see cref="MaxUsers"/>.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <returns>Node ids by user; null when presence does not answer.</returns>
    public async Task<Dictionary<string, IReadOnlyList<string>>?> LocateAsync(IEnumerable<string> userIds, CancellationToken cancellationToken)
    {
        var request = new LocateUsersRequest { UserIds = { userIds.Distinct(StringComparer.Ordinal) } };
        try
        {
            var reply = await presence.LocateUsersAsync(request, deadline: DateTime.UtcNow + Patience, cancellationToken: cancellationToken);
            return reply.Users.ToDictionary(user => user.UserId, user => (IReadOnlyList<string>)user.NodeIds, StringComparer.Ordinal);
        }
        catch (RpcException) when (!cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }

    private IEnumerable<NodeBatch> Cut(IEnumerable<UserEvent> events)
    {
        var (batch, bytes) = (new NodeBatch { From = process.Id }, 0);
        foreach (var told in events)
        {
            var size = told.CalculateSize();
            if (bytes > 0 && bytes + size > MaxBatchBytes)
            {
                yield return batch;
                (batch, bytes) = (new NodeBatch { From = process.Id }, 0);
            }

            batch.UserEvents.Add(told);
            bytes += size;
        }

        yield return batch;
    }
}
