using Tertulia.Contracts;

namespace Tertulia.Connections.Submitting;

/// <summary>Where one partition's commands go, and those of them whose outcome nobody knows yet, in their order.</summary>
/// <remarks>They are kept until they are answered, so that they can be sent again: to the next owner of the partition, or to the same one when it
/// has lost what it had received. Order of locks: route, lane.</remarks>
internal sealed class PartitionRoute(int partition, int capacity, PendingAcks pending)
{
    private readonly Lock _gate = new();
    private Queue<Command> _underWay = [];
    private ReplicaLane? _lane;
    private long _epoch;

    public int Partition { get; } = partition;

    /// <summary>The newest owner epoch that was heard of; 0 when none was.</summary>
    public long Epoch => Interlocked.Read(ref _epoch);

    /// <summary>Sends the command to the owner, or keeps it until there is one.</summary>
    /// <param name="command">Not to be changed any more.</param>
    /// <param name="isAwaited">Somebody waits for its outcome. What nobody waits for is not kept: a new owner need not know it.</param>
    /// <returns>False when as many are under way as may.</returns>
    public bool TryAdd(Command command, bool isAwaited)
    {
        lock (_gate)
        {
            if (isAwaited)
            {
                if (!HasRoom())
                {
                    return false;
                }

                _underWay.Enqueue(command);
            }

            _lane?.Add(new RoutedCommand(command, this, _epoch, Again: false));
            return true;
        }
    }

    /// <summary>A replica says that it owns the partition: from now on it gets the commands, first of all those that nobody has answered.</summary>
    /// <returns>False when this is not news.</returns>
    public bool MoveTo(ReplicaLane lane, long epoch)
    {
        lock (_gate)
        {
            if (epoch <= _epoch)
            {
                return false;
            }

            var again = _epoch > 0; // Before there was an owner nothing was sent.
            Interlocked.Exchange(ref _epoch, epoch);
            _lane = lane;
            Compact();
            foreach (var command in _underWay)
            {
                lane.Add(new RoutedCommand(command, this, epoch, again));
            }

            return true;
        }
    }

    /// <summary>Whether the replica is the partition's owner, as far as this node knows.</summary>
    public bool LeadsTo(ReplicaLane lane)
    {
        lock (_gate)
        {
            return ReferenceEquals(_lane, lane);
        }
    }

    private bool HasRoom()
    {
        while (_underWay.TryPeek(out var oldest) && !pending.Contains(oldest.CommandId))
        {
            _underWay.Dequeue();
        }

        if (_underWay.Count >= capacity)
        {
            Compact();
        }

        return _underWay.Count < capacity;
    }

    private void Compact()
    {
        Queue<Command> left = [];
        foreach (var command in _underWay)
        {
            if (pending.Contains(command.CommandId))
            {
                left.Enqueue(command);
            }
        }

        _underWay = left;
    }
}

/// <summary>A command on its way to the owner of its partition.</summary>
/// <param name="Command">Not to be changed any more.</param>
/// <param name="Route">Its partition.</param>
/// <param name="Epoch">The owner's epoch. Under another one it is not sent: it is on its way to that owner already.</param>
/// <param name="Again">It may have been sent before.</param>
internal readonly record struct RoutedCommand(Command Command, PartitionRoute Route, long Epoch, bool Again);
