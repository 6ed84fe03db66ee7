using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Flushing;

/// <summary>Where the entry of a command is in the log.</summary>
/// <param name="Id">Of the attempt that wrote it: a message's id.</param>
/// <param name="Seq">Its seq.</param>
/// <param name="CreatedAtMs">Unix milliseconds of the write.</param>
internal readonly record struct StoredEntry(string Id, long Seq, long CreatedAtMs);

/// <summary>The results of the latest commands, which never change once they are in the log.</summary>
/// <remarks>Two generations: when the younger is full it becomes the older, and the older is forgotten. What is found in the older moves
/// to the younger. So the latest <paramref name="capacity"/> keys are always there, at the cost of one dictionary.</remarks>
/// <param name="capacity">Keys of a generation; 0 keeps none.</param>
internal sealed class RecentKeys(int capacity)
{
    private Dictionary<EntryKey, StoredEntry> _younger = [];
    private Dictionary<EntryKey, StoredEntry> _older = [];

    public bool TryGet(in EntryKey key, out StoredEntry stored)
    {
        if (_younger.TryGetValue(key, out stored))
        {
            return true;
        }

        if (_older.TryGetValue(key, out stored))
        {
            Add(key, stored);
            return true;
        }

        return false;
    }

    public void Add(in EntryKey key, in StoredEntry stored)
    {
        if (capacity == 0)
        {
            return;
        }

        if (_younger.Count >= capacity)
        {
            (_older, _younger) = (_younger, _older);
            _younger.Clear();
        }

        _younger[key] = stored;
    }

    /// <summary>The store went back in time: what it held may be gone.</summary>
    public void Clear()
    {
        _younger.Clear();
        _older.Clear();
    }
}
