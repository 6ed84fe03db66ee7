using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Joining;

/// <summary>Rooms that users have created: as the store counted them, and what the flush in progress adds.</summary>
/// <remarks>The limit holds over all replicas. Flush loops that decide at the same moment do not see each other's rooms: together they may exceed it by what one
/// flush creates, once.</remarks>
internal sealed class RoomCreations
{
    /// <summary>Time over which <see cref="LimitOptions.RoomsCreatedPerHour"/> counts, in milliseconds.</summary>
    public const long HourMs = 3_600_000;

    private readonly Dictionary<string, CreatedRooms> _byUser = new(StringComparer.Ordinal);

    /// <summary>Takes over what the store has counted.</summary>
    public void Load(IReadOnlyDictionary<string, CreatedRooms> counted)
    {
        _byUser.Clear();
        foreach (var (userId, created) in counted)
        {
            _byUser[userId] = created;
        }
    }

    /// <summary>The user creates one more.</summary>
    public void Add(string userId, long nowMs)
    {
        var before = _byUser.GetValueOrDefault(userId);
        _byUser[userId] = new CreatedRooms(before.Total + 1, before.Recent + 1, before.Recent == 0 ? nowMs : before.OldestRecentMs);
    }

    /// <returns>Null when the user may create one more.</returns>
    public Refusal? Check(string userId, long nowMs, LimitOptions limits)
    {
        var created = _byUser.GetValueOrDefault(userId);
        if (limits.RoomsCreatedPerUser > 0 && created.Total >= limits.RoomsCreatedPerUser)
        {
            return new Refusal { Code = ErrorCode.LimitExceeded, Detail = $"a user may create {limits.RoomsCreatedPerUser} rooms" };
        }

        return limits.RoomsCreatedPerHour > 0 && created.Recent >= limits.RoomsCreatedPerHour
            ? new Refusal
            {
                Code = ErrorCode.RateLimited,
                Detail = $"a user may create {limits.RoomsCreatedPerHour} rooms an hour",
                RetryAfterMs = (uint)Math.Clamp(created.OldestRecentMs + HourMs - nowMs, 1, HourMs),
            }
            : null;
    }
}
