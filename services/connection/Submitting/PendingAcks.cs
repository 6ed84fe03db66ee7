using System.Collections.Concurrent;
using Microsoft.Extensions.Options;
using Tertulia.Contracts;

namespace Tertulia.Connections.Submitting;

/// <summary>The commands of this node that are under way, by command id.</summary>
/// <remarks>The caller that takes a command out answers it, so that each is answered once whatever comes first: its event, its reply or the time-out.</remarks>
internal sealed class PendingAcks(IOptions<SubmitOptions> options, TimeProvider time)
{
    /// <summary>Age of an unanswered command from which on the commands count as standing still.</summary>
    internal static readonly TimeSpan Stalled = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<ulong, PendingCommand> _commands = [];
    private long _lastId;
    private long? _stalledSince; // Time stamp of the oldest command that was without an answer for too long; null while none is. Of Expire only.

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

    /// <summary>Age of the oldest command under way; zero when there is none. Looks at all of them.</summary>
    public TimeSpan OldestAge()
    {
        var oldest = TimeSpan.Zero;
        foreach (var (_, command) in _commands)
        {
            oldest = TimeSpan.FromTicks(Math.Max(oldest.Ticks, time.GetElapsedTime(command.TakenAt).Ticks));
        }

        return oldest;
    }

    /// <summary>Answers <c>unavailable</c> to everything that has waited too long.</summary>
    public void Expire()
    {
        var oldest = long.MaxValue;
        var expired = 0;
        // Enumerating all is cheap: what is under way was taken within the last milliseconds, and in an outage it is bounded by the batchers.
        foreach (var (id, command) in _commands)
        {
            oldest = Math.Min(oldest, command.TakenAt);
            if (time.GetElapsedTime(command.TakenAt) >= options.Value.Timeout && Take(id) is { } late)
            {
                expired++;
                late.OnRefused(new Refusal { Code = ErrorCode.Unavailable });
            }
        }

        if (expired > 0)
        {
            Telemetry.CommandsExpired.Add(expired);
        }

        NoteStall(oldest);
    }

    // Seen at the rounds of Expire, and only while there are commands: that is how exact the time is.
    private void NoteStall(long oldest)
    {
        var isStalled = oldest < long.MaxValue && time.GetElapsedTime(oldest) >= Stalled;
        if (isStalled)
        {
            _stalledSince ??= oldest;
        }
        else if (_stalledSince is { } since)
        {
            Telemetry.RecoveryDuration.Record(time.GetElapsedTime(since).TotalSeconds, Telemetry.OfCommands);
            _stalledSince = null;
        }
    }
}
