namespace Tertulia.Connections.Rooms;

/// <summary>Who is to be told of a change.</summary>
/// <param name="Here">The other members on this node.</param>
/// <param name="OtherNodes">The other nodes of the room.</param>
internal readonly record struct TypingNews(bool Here, bool OtherNodes);

/// <summary>Who types in one room, here and on other nodes. Under the room's lock.</summary>
/// <remarks>A user types while one of its sources does: a connection to this node, or another node, which speaks for all of its own connections.</remarks>
internal sealed class RoomTyping(TimeProvider time)
{
    /// <summary>Time after which typing ends by itself (PROTOCOL §3).</summary>
    public static readonly TimeSpan Life = TimeSpan.FromSeconds(6);

    /// <summary>Time between two tellings that a connection types (PROTOCOL §6).</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    private readonly Dictionary<string, Typist> _typists = new(StringComparer.Ordinal);

    /// <summary>No user types, and no connection's interval is running.</summary>
    public bool IsEmpty => _typists.Count == 0;

    /// <summary>A source of a user says that it types, or stopped.</summary>
    /// <param name="userId">Who.</param>
    /// <param name="username">How it is shown.</param>
    /// <param name="source">Id of the connection, or of the other node.</param>
    /// <param name="isLocal">The source is a connection to this node. It is held to the interval; other nodes have done that for theirs.</param>
    /// <param name="isTyping">False: stopped.</param>
    public TypingNews Report(string userId, string username, string source, bool isLocal, bool isTyping)
    {
        if (!isTyping)
        {
            return Stop(userId, source, isLocal);
        }

        if (!_typists.TryGetValue(userId, out var typist))
        {
            _typists[userId] = typist = new Typist(username);
        }

        var now = time.GetTimestamp();
        if (!typist.Sources.TryGetValue(source, out var state))
        {
            typist.Sources[source] = state = new Source(isLocal);
        }
        else if (isLocal && time.GetElapsedTime(state.ToldAt, now) < Interval)
        {
            return default;
        }

        (state.Types, state.ToldAt) = (true, now);
        return new TypingNews(Here: true, OtherNodes: isLocal);
    }

    /// <summary>Ends what was not repeated in time.</summary>
    /// <param name="ended">Takes who does not type any more.</param>
    public void Expire(List<(string UserId, string Username)> ended)
    {
        var now = time.GetTimestamp();
        foreach (var (userId, typist) in _typists) // Removing while enumerating is allowed for a Dictionary.
        {
            var typed = typist.Types;
            foreach (var (id, source) in typist.Sources)
            {
                var age = time.GetElapsedTime(source.ToldAt, now);
                source.Types &= age < Life;
                if (!source.Types && age >= Interval)
                {
                    typist.Sources.Remove(id);
                }
            }

            if (typed && !typist.Types)
            {
                ended.Add((userId, typist.Username));
            }

            if (typist.Sources.Count == 0)
            {
                _typists.Remove(userId);
            }
        }
    }

    private TypingNews Stop(string userId, string source, bool isLocal)
    {
        if (!_typists.TryGetValue(userId, out var typist) || !typist.Sources.TryGetValue(source, out var state) || !state.Types)
        {
            return default;
        }

        state.Types = false;
        return new TypingNews(Here: !typist.Types, OtherNodes: isLocal && !typist.TypesHere);
    }

    private sealed class Typist(string username)
    {
        public string Username { get; } = username;

        public Dictionary<string, Source> Sources { get; } = new(1, StringComparer.Ordinal);

        public bool Types => HasTyping(localOnly: false);

        public bool TypesHere => HasTyping(localOnly: true);

        private bool HasTyping(bool localOnly)
        {
            foreach (var source in Sources.Values)
            {
                if (source.Types && (source.IsLocal || !localOnly))
                {
                    return true;
                }
            }

            return false;
        }
    }

    private sealed class Source(bool isLocal)
    {
        public bool IsLocal { get; } = isLocal;

        public bool Types { get; set; }

        public long ToldAt { get; set; }
    }
}
