using Tertulia.Contracts;

namespace Tertulia.Connections.Submitting;

/// <summary>A command of this node that waits for its outcome. Exactly one of its methods is called, once, by the node's inbox or the time-out.</summary>
internal abstract class PendingCommand
{
    /// <summary>Time stamp (<see cref="TimeProvider.GetTimestamp"/>) at which the command was taken.</summary>
    internal long TakenAt { get; set; }

    /// <summary>The partition that made room for the command, and how much.</summary>
    internal (PartitionRoute? Route, int Bytes) Reserved { get; set; }

    /// <summary>Id of the message that the command creates; null when it creates none.</summary>
    public virtual string? MessageId => null;

    /// <summary>The command was carried out and wrote no entry: <c>stored</c>, <c>joined</c>, <c>subscribed</c>.</summary>
    public abstract void OnReply(CommandReply reply);

    /// <summary>The command is in the log: this is its entry.</summary>
    public abstract void OnEvent(string roomId, string epoch, RoomEvent entry);

    /// <summary>The command was refused, or its outcome is not known in time (<c>unavailable</c>).</summary>
    public abstract void OnRefused(Refusal refusal);
}
