using System.Collections.Concurrent;
using Microsoft.Extensions.Options;
using Tertulia.Contracts;

namespace Tertulia.Connections.Submitting;

/// <summary>The commands of this node that are under way, by command id.</summary>
/// <remarks>The caller that takes a command out answers it, so that each is answered once whatever comes first: its event, its reply or the time-out.</remarks>
internal sealed class PendingAcks(IOptions<SubmitOptions> options, TimeProvider time)
{
    private readonly ConcurrentDictionary<ulong, PendingCommand> _commands = [];
    private long _lastId;

    /// <summary>Commands under way.</summary>
    public int Count => _commands.Count;

    /// <summary>Gives a command its id, before it is sent.</summary>
    public ulong Add(PendingCommand command)
    {
        var id = NewId();
        command.TakenAt = time.GetTimestamp();
        _commands[id] = command;
        return id;
    }

    /// <summary>An id for a command without a waiter.</summary>
    public ulong NewId() => (ulong)Interlocked.Increment(ref _lastId);

    /// <summary>Whether the command still waits for its outcome.</summary>
    public bool Contains(ulong commandId) => _commands.ContainsKey(commandId);

    /// <summary>The command, for the caller to answer; null when it was answered already or is not this node's.</summary>
    public PendingCommand? Take(ulong commandId)
    {
        if (!_commands.TryRemove(commandId, out var command))
        {
            return null;
        }

        var (route, bytes) = command.Reserved;
        route?.OnAnswered(bytes);
        return command;
    }

    /// <summary>The commands that create these messages, for entries read back from the log, which do not name their command.</summary>
    /// <remarks>Looks at all that is under way: for repairs, not for the hot path.</remarks>
    public Dictionary<string, ulong> ByMessageId()
    {
        var commands = new Dictionary<string, ulong>(StringComparer.Ordinal);
        foreach (var (id, command) in _commands)
        {
            if (command.MessageId is { } messageId)
            {
                commands[messageId] = id;
            }
        }

        return commands;
    }

    /// <summary>Answers <c>unavailable</c> to everything that has waited too long.</summary>
    public void Expire()
    {
        // Enumerating all is cheap: what is under way was taken within the last milliseconds, and in an outage it is bounded by the batchers.
        foreach (var (id, command) in _commands)
        {
            if (time.GetElapsedTime(command.TakenAt) >= options.Value.Timeout)
            {
                Take(id)?.OnRefused(new Refusal { Code = ErrorCode.Unavailable });
            }
        }
    }
}
