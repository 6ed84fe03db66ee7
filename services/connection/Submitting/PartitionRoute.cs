using Tertulia.Contracts;

namespace Tertulia.Connections.Submitting;

/// <summary>Where one partition's commands go, and those of them whose outcome is not known yet, in their order.</summary>
/// <remarks>They are kept until they are answered, so that they can be sent again: to the next owner of the partition, or to the same one when it
/// has lost what it had received. Order of locks: route, lane.</remarks>
internal sealed class PartitionRoute(int partition, SubmitBudget budget, SubmitBudget process, PendingAcks pending)
{
    private const int Slack = 64; // Answered commands that the queue may hold beyond as many as there are unanswered ones.

    private readonly Lock _gate = new();
    private readonly Queue<Command> _underWay = []; // Answered ones leave it later, many at once.
    private volatile ReplicaLane? _lane;
    private long _epoch;

    public int Partition { get; } = partition;

    /// <summary>The newest owner epoch that was heard of; 0 when none was.</summary>
    public long Epoch => Interlocked.Read(ref _epoch);

    /// <summary>Makes room for a command that has a waiter. Does the same work whatever waits: overload must not amplify itself.</summary>
    /// <returns>False when as much is without an outcome as may be.</returns>
    public bool TryReserve(int bytes)
    {
        if (_lane is { IsFull: true } || !process.TryTake(bytes))
        {
            return false;
        }

        if (budget.TryTake(bytes))
        {
            return true;
        }

        process.Return(bytes);
        return false;
    }

    /// <summary>A command for which room was made has its outcome.</summary>
    public void OnAnswered(int bytes)
    {
        budget.Return(bytes);
        process.Return(bytes);
    }

    /// <summary>Sends a command for which room was made to the owner, or keeps it until there is one.</summary>
    /// <param name="command">Not to be changed any more.</param>
    /// <param name="bytes">Its size.</param>
    public void Add(Command command, int bytes)
    {
        lock (_gate)
        {
            DropAnswered();
            _underWay.Enqueue(command);
            _lane?.Add(new RoutedCommand(command, bytes, this, _epoch, Again: false, IsAwaited: true));
        }
    }

    /// <summary>Sends a command whose outcome does not matter. It is not kept: a new owner need not know it.</summary>
    /// <returns>False when too much waits.</returns>
    public bool TryPass(Command command, int bytes)
    {
        lock (_gate)
        {
            if (_lane is { IsFull: true })
            {
                return false;
            }

            _lane?.Add(new RoutedCommand(command, bytes, this, _epoch, Again: false, IsAwaited: false));
            return true;
        }
    }

    /// <summary>A replica says that it owns the partition: from now on it gets the commands, first of all those that are not answered.</summary>
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
                lane.Add(new RoutedCommand(command, command.CalculateSize(), this, epoch, again, IsAwaited: true));
            }

            return true;
        }
    }

    /// <summary>Whether the replica is the partition's owner, as far as this node knows.</summary>
    public bool LeadsTo(ReplicaLane lane) => ReferenceEquals(_lane, lane);

    // Each command leaves once, and all are looked at only when at least half of them leave.
    private void DropAnswered()
    {
        while (_underWay.TryPeek(out var oldest) && !pending.Contains(oldest.CommandId))
        {
            _underWay.Dequeue();
        }

        if (_underWay.Count > (2 * budget.Commands) + Slack)
        {
            Compact();
        }
    }

    private void Compact()
    {
        for (var left = _underWay.Count; left > 0; left--)
        {
            var command = _underWay.Dequeue();
            if (pending.Contains(command.CommandId))
            {
                _underWay.Enqueue(command);
            }
        }
    }
}

/// <summary>A command on its way to the owner of its partition.</summary>
/// <param name="Command">Not to be changed any more.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Route">Its partition.</param>
/// <param name="Epoch">The owner's epoch. Under another one it is not sent: it is on its way to that owner already.</param>
/// <param name="Again">It may have been sent before.</param>
/// <param name="IsAwaited">Its outcome is waited for: once it has one, the command is not sent any more.</param>
internal readonly record struct RoutedCommand(Command Command, int Bytes, PartitionRoute Route, long Epoch, bool Again, bool IsAwaited);
