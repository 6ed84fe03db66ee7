using System.Text;

namespace Tertulia.Contracts;

/// <summary>Rendezvous (highest random weight) hashing: every process that knows the same owners gives each key the same one, and
/// an owner that comes or goes moves only its own share (Thaler and Ravishankar, IEEE/ACM ToN 6(1), 1998).</summary>
public static class Rendezvous
{
    /// <summary>The owner of a key.</summary>
    /// <param name="key">What is to be owned: a room id, a partition number.</param>
    /// <param name="owners">Ids of the live candidates, in any order.</param>
    /// <returns>The owner with the highest weight, or null when there is no candidate.</returns>
    public static string? OwnerOf(string key, IEnumerable<string> owners)
    {
        string? best = null;
        var bestWeight = 0UL;
        foreach (var owner in owners)
        {
            var weight = Weight(key, owner);
            if (best is null || weight > bestWeight || (weight == bestWeight && string.CompareOrdinal(owner, best) > 0))
            {
                (best, bestWeight) = (owner, weight);
            }
        }

        return best;
    }

    // FNV-1a over owner, a separator and key, then the finalizer of SplitMix64: FNV alone mixes its last bytes too little for comparisons.
    private static ulong Weight(string key, string owner)
    {
        var hash = 14_695_981_039_346_656_037UL;
        foreach (var b in Encoding.UTF8.GetBytes(owner + "\0" + key))
        {
            hash = (hash ^ b) * 1_099_511_628_211UL;
        }

        hash = (hash ^ (hash >> 30)) * 0xBF58476D1CE4E5B9UL;
        hash = (hash ^ (hash >> 27)) * 0x94D049BB133111EBUL;
        return hash ^ (hash >> 31);
    }
}
