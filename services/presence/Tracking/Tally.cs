namespace Tertulia.Presence.Tracking;

/// <summary>How often each of a few things is there. One thing costs no allocation: most users are on one node, most rooms of a node have few users.</summary>
/// <remarks>A mutable struct: a field of its owner, never copied.</remarks>
internal struct Tally<T>
    where T : class
{
    private T? _only;
    private int _times;
    private Dictionary<T, int>? _many;

    /// <summary>Different things.</summary>
    public readonly int Count => _many?.Count ?? (_only is null ? 0 : 1);

    /// <summary>All additions less all removals.</summary>
    public int Total { get; private set; }

    /// <summary>How often the thing is there, 0 when it is not.</summary>
    public readonly int Times(T item) => _many?.GetValueOrDefault(item) ?? (ReferenceEquals(_only, item) ? _times : 0);

    /// <returns>True when it was not there before.</returns>
    public bool Add(T item)
    {
        Total++;
        if (_many is not null)
        {
            var times = _many.GetValueOrDefault(item) + 1;
            _many[item] = times;
            return times == 1;
        }

        if (_only is null || ReferenceEquals(_only, item))
        {
            _only = item;
            return ++_times == 1;
        }

        _many = new Dictionary<T, int> { [_only] = _times, [item] = 1 };
        _only = null;
        return true;
    }

    /// <returns>True when it is not there any more.</returns>
    public bool Remove(T item)
    {
        Total--;
        if (_many is null)
        {
            if (--_times > 0)
            {
                return false;
            }

            _only = null;
            return true;
        }

        var times = _many[item] - 1;
        if (times > 0)
        {
            _many[item] = times;
            return false;
        }

        _many.Remove(item);
        return true;
    }

    /// <summary>The different things, in no particular order; a copy.</summary>
    public readonly T[] ToArray() => _many is not null ? [.. _many.Keys] : _only is not null ? [_only] : [];
}
