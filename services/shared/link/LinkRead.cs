namespace Tertulia.Link;

/// <summary>What is put off to the end of the read of a link that this thread handles.</summary>
/// <remarks>A read brings what the gateway has gathered from many clients; what they lead to is worth doing once.</remarks>
public static class LinkRead
{
    [ThreadStatic]
    private static List<IAfterLinkRead>? t_after;

    [ThreadStatic]
    private static bool t_isUnderWay;

    /// <summary>Has this called, once, when all records of the read under way were handled.</summary>
    /// <returns>False when this thread handles none.</returns>
    public static bool TryPutOff(IAfterLinkRead after)
    {
        if (!t_isUnderWay)
        {
            return false;
        }

        var all = t_after ??= [];
        if (!all.Contains(after)) // As many as there are message replicas: few.
        {
            all.Add(after);
        }

        return true;
    }

    internal static void Begin() => t_isUnderWay = true;

    internal static void End()
    {
        t_isUnderWay = false;
        if (t_after is not { Count: > 0 } all)
        {
            return;
        }

        t_after = null; // What is called may put something off itself.
        foreach (var after in all)
        {
            after.OnLinkRead();
        }

        all.Clear();
        t_after = all;
    }
}

/// <summary>Gathers what one read of a link brings.</summary>
public interface IAfterLinkRead
{
    /// <summary>The read was handled. No lock is held; must neither block nor throw.</summary>
    void OnLinkRead();
}
