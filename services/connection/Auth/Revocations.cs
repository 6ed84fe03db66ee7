using System.Collections.Concurrent;
using Tertulia.Contracts;

namespace Tertulia.Connections.Auth;

/// <summary>The tokens that are void before they end, as far as this node knows: it learns of them within a second.</summary>
internal sealed class Revocations(TimeProvider time)
{
    private volatile ConcurrentDictionary<(string TokenId, string UserId, string RoomId), Revocation> _all = new();
    private volatile bool _any;
    private volatile bool _anyOfRooms;

    /// <summary>One more. Of two for the same, what both void is void.</summary>
    public void Add(Revocation revocation)
    {
        Add(_all, revocation);
        _any = true;
        _anyOfRooms |= revocation.RoomId.Length > 0;
    }

    /// <summary>All that there are; what else was known is forgotten.</summary>
    public void Reset(IReadOnlyCollection<Revocation> revocations)
    {
        var all = new ConcurrentDictionary<(string TokenId, string UserId, string RoomId), Revocation>();
        foreach (var revocation in revocations)
        {
            Add(all, revocation);
        }

        _all = all;
        (_any, _anyOfRooms) = (!all.IsEmpty, revocations.Any(revocation => revocation.RoomId.Length > 0));
    }

    /// <summary>Forgets those that have ended, with the last token they concern.</summary>
    public void Sweep()
    {
        var nowMs = time.GetUtcNow().ToUnixTimeMilliseconds();
        foreach (var (key, revocation) in _all)
        {
            if (revocation.ExpiresAtMs <= nowMs)
            {
                _all.TryRemove(KeyValuePair.Create(key, revocation));
            }
        }
    }

    /// <summary>The caller's token is void.</summary>
    public bool Revokes(Caller caller) =>
        _any && ((caller.TokenId is { } tokenId && Holds((tokenId, "", ""), null)) || Holds(("", caller.UserId, ""), caller.IssuedAt));

    /// <summary>The caller's token is void in a room.</summary>
    public bool Revokes(Caller caller, string roomId) =>
        _anyOfRooms && (Holds(("", "", roomId), caller.IssuedAt) || Holds(("", caller.UserId, roomId), caller.IssuedAt));

    /// <summary>The rooms in which the caller's token is void.</summary>
    public IEnumerable<string> RoomsOf(Caller caller) => _anyOfRooms
        ? _all.Keys.Where(key => key.RoomId.Length > 0 && (key.UserId.Length == 0 || key.UserId == caller.UserId) && Holds(key, caller.IssuedAt))
            .Select(key => key.RoomId).Distinct(StringComparer.Ordinal)
        : [];

    private bool Holds((string TokenId, string UserId, string RoomId) key, DateTimeOffset? issuedAt) =>
        _all.TryGetValue(key, out var revocation)
        && (issuedAt is null || issuedAt.Value.ToUnixTimeMilliseconds() <= revocation.RevokedAtMs)
        && revocation.ExpiresAtMs > time.GetUtcNow().ToUnixTimeMilliseconds();

    private static void Add(ConcurrentDictionary<(string TokenId, string UserId, string RoomId), Revocation> all, Revocation revocation) =>
        all.AddOrUpdate((revocation.TokenId, revocation.UserId, revocation.RoomId), revocation, (_, known) => new Revocation(revocation)
        {
            RevokedAtMs = Math.Max(known.RevokedAtMs, revocation.RevokedAtMs), ExpiresAtMs = Math.Max(known.ExpiresAtMs, revocation.ExpiresAtMs),
        });
}
