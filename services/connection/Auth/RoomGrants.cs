using System.Text.Json;
using Tertulia.Contracts;

namespace Tertulia.Connections.Auth;

/// <summary>A token's <c>rooms</c> claim: <c>{"room:1":["read","write"],"team-*":["read"]}</c>. <c>*</c> stands for any characters, also none.</summary>
internal sealed class RoomGrants
{
    private readonly Dictionary<string, Grant> _exact = new(StringComparer.Ordinal);
    private readonly List<(string Pattern, Grant Grant)> _patterns = [];

    /// <summary>What is granted in a room: the sum of all entries that match. Nothing set when none does.</summary>
    public Grant For(string roomId)
    {
        var sum = new Grant();
        if (_exact.TryGetValue(roomId, out var exact))
        {
            Add(sum, exact);
        }

        foreach (var (pattern, grant) in _patterns)
        {
            if (RoomPattern.Matches(pattern, roomId))
            {
                Add(sum, grant);
            }
        }

        return sum;
    }

    /// <summary>Ids and patterns of the rooms that may be read.</summary>
    public IEnumerable<string> Readable =>
        [.. _exact.Where(entry => entry.Value.Read).Select(entry => entry.Key), .. _patterns.Where(entry => entry.Grant.Read).Select(entry => entry.Pattern)];

    /// <summary>Reads the claim.</summary>
    /// <returns>Null when it is not an object of arrays of strings. Permissions that are not known grant nothing.</returns>
    public static RoomGrants? Parse(JsonElement claim)
    {
        if (claim.ValueKind != JsonValueKind.Object)
        {
            return null;
        }

        var grants = new RoomGrants();
        foreach (var entry in claim.EnumerateObject())
        {
            if (ParseGrant(entry.Value) is not { } grant)
            {
                return null;
            }

            if (RoomPattern.HasStar(entry.Name))
            {
                grants._patterns.Add((entry.Name, grant));
            }
            else
            {
                grants._exact[entry.Name] = grant;
            }
        }

        return grants;
    }

    private static Grant? ParseGrant(JsonElement permissions)
    {
        if (permissions.ValueKind != JsonValueKind.Array)
        {
            return null;
        }

        var grant = new Grant();
        foreach (var permission in permissions.EnumerateArray())
        {
            if (permission.ValueKind != JsonValueKind.String)
            {
                return null;
            }

            grant.Read |= permission.ValueEquals("read"u8);
            grant.Write |= permission.ValueEquals("write"u8);
            grant.Presence |= permission.ValueEquals("presence"u8);
            grant.Moderate |= permission.ValueEquals("moderate"u8);
        }

        return grant;
    }

    private static void Add(Grant sum, Grant grant)
    {
        sum.Read |= grant.Read;
        sum.Write |= grant.Write;
        sum.Presence |= grant.Presence;
        sum.Moderate |= grant.Moderate;
    }
}
