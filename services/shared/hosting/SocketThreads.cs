namespace Tertulia.Hosting;

/// <summary>What a socket brings is handled on the thread that polled it, and wakes none of the pool.</summary>
/// <remarks>
/// A process of the cluster mostly passes on what it gets, and waking a thread costs more than that. So nothing that runs where a socket was awaited may block.
/// Projects ask for it by <c>RunsOnSocketThreads</c>; the all-in-one does not, because there the same thread would also do the work of all the others (ADR 0011).
/// </remarks>
internal static class SocketThreads
{
    private const string Switch = "Tertulia.RunsOnSocketThreads";

    // The runtime has no other way to say it, and reads it when the first socket is used.
    private const string Variable = "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS";

    /// <summary>Called before there is a socket. Leaves alone what the environment says.</summary>
    public static void Use()
    {
        if (AppContext.TryGetSwitch(Switch, out var isWanted) && isWanted && Environment.GetEnvironmentVariable(Variable) is null)
        {
            Environment.SetEnvironmentVariable(Variable, "1");
        }
    }
}
