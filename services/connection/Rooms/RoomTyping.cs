namespace Tertulia.Connections.Rooms;

/// <summary>Who types in one room, here and on other nodes. Under the room's lock.</summary>
internal sealed class RoomTyping(TimeProvider time)
{
    /// <summary>Time after which typing ends by itself (PROTOCOL §3).</summary>
    public static readonly TimeSpan Life = TimeSpan.FromSeconds(6);

    /// <summary>Time between two tellings that a user types (PROTOCOL §6).</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    private readonly Dictionary<string, Typist> _typists = new(StringComparer.Ordinal);

    /// <summary>Nobody types, and nobody's interval is running.</summary>
    public bool IsEmpty => _typists.Count == 0;

    /// <summary>A user says that it types, or stopped.</summary>
    /// <param name="userId">Who.</param>
    /// <param name="username">How it is shown.</param>
    /// <param name="isTyping">False: stopped.</param>
    /// <param name="limited">The user is here and is held to the interval; other nodes have done that for theirs.</param>
    /// <returns>True when the others are to be told.</returns>
    public bool Report(string userId, string username, bool isTyping, bool limited)
    {
        var now = time.GetTimestamp();
        if (!_typists.TryGetValue(userId, out var typist))
        {
            if (!isTyping)
            {
                return false;
            }

            _typists[userId] = typist = new Typist(username);
        }
        else if (!isTyping)
        {
            var was = typist.Types;
            typist.Types = false;
            return was;
        }
        else if (limited && time.GetElapsedTime(typist.ToldAt, now) < Interval)
        {
            return false;
        }

        (typist.Types, typist.ToldAt) = (true, now);
        return true;
    }

    /// <summary>Ends what was not repeated in time.</summary>
    /// <param name="ended">Takes who does not type any more.</param>
    public void Expire(List<(string UserId, string Username)> ended)
    {
        var now = time.GetTimestamp();
        foreach (var (userId, typist) in _typists) // Removing while enumerating is allowed for a Dictionary.
        {
            var age = time.GetElapsedTime(typist.ToldAt, now);
            if (typist.Types && age >= Life)
            {
                typist.Types = false;
                ended.Add((userId, typist.Username));
            }

            if (!typist.Types && age >= Interval)
            {
                _typists.Remove(userId);
            }
        }
    }

    private sealed class Typist(string username)
    {
        public string Username { get; } = username;

        public bool Types { get; set; }

        public long ToldAt { get; set; }
    }
}
