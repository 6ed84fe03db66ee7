using Microsoft.Extensions.Options;

namespace Tertulia.Connections.Explaining;

/// <summary>An entry that was given to the members of a room on this node.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="Epoch">Of the seq.</param>
/// <param name="Seq">The entry's place in the room's log.</param>
/// <param name="OwnerEpoch">Of the partition's owner, as the node knew it.</param>
/// <param name="AtMs">When, Unix milliseconds.</param>
/// <param name="Connections">That were in the room.</param>
/// <param name="LeftOut">Ids of those that had too much waiting; null when none had.</param>
internal readonly record struct Delivery(string RoomId, string Epoch, long Seq, long OwnerEpoch, long AtMs, int Connections, IReadOnlyList<string>? LeftOut);

/// <summary>A connection that left a room.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="ConnectionId">Which.</param>
/// <param name="UserId">Whose.</param>
/// <param name="After">It was given the entries after this seq …</param>
/// <param name="UpTo">… up to this one, of the ring's epoch.</param>
/// <param name="Epoch">Of both.</param>
internal readonly record struct Departure(string RoomId, string ConnectionId, string UserId, long After, long UpTo, string Epoch);

/// <summary>What this node did last: which entries it delivered and which connections left rooms. Two rings, for <c>messages/{id}/trail</c>; what they cost does not
/// depend on the number of members.</summary>
internal sealed class DeliveryLog(IOptions<ExplainOptions> options)
{
    private readonly Lock _gate = new();
    private readonly Delivery[] _deliveries = new Delivery[options.Value.Deliveries];
    private readonly Departure[] _departures = new Departure[options.Value.Departures];
    private long _delivered;
    private long _departed;

    /// <summary>Whether deliveries are remembered at all.</summary>
    public bool IsOn => _deliveries.Length > 0;

    /// <summary>Remembers an entry; the oldest one is forgotten.</summary>
    public void Add(in Delivery delivery)
    {
        if (_deliveries.Length > 0)
        {
            lock (_gate)
            {
                _deliveries[_delivered++ % _deliveries.Length] = delivery;
            }
        }
    }

    /// <summary>Remembers that a connection left; the oldest one is forgotten.</summary>
    public void Add(in Departure departure)
    {
        if (_departures.Length > 0)
        {
            lock (_gate)
            {
                _departures[_departed++ % _departures.Length] = departure;
            }
        }
    }

    /// <returns>Null when the entry was not delivered here, or too long ago.</returns>
    public Delivery? Find(string roomId, string epoch, long seq)
    {
        lock (_gate)
        {
            foreach (ref readonly var delivery in _deliveries.AsSpan())
            {
                if (delivery.Seq == seq && delivery.RoomId == roomId && delivery.Epoch == epoch)
                {
                    return delivery;
                }
            }
        }

        return null;
    }

    /// <summary>Connections that were given the entry and have left since.</summary>
    public IReadOnlyList<Departure> LeftSince(string roomId, string epoch, long seq)
    {
        List<Departure> left = [];
        lock (_gate)
        {
            foreach (ref readonly var departure in _departures.AsSpan())
            {
                if (departure.RoomId == roomId && departure.Epoch == epoch && departure.After < seq && seq <= departure.UpTo)
                {
                    left.Add(departure);
                }
            }
        }

        return left;
    }
}
