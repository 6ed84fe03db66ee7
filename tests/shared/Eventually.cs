namespace Tertulia.Testing;

/// <summary>Waiting with an end: for what completes, and for what can only be looked at.</summary>
public static class Eventually
{
    /// <summary>Long enough for a busy machine; a test that gets so far has failed.</summary>
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(20);

    /// <summary>The task completes in time.</summary>
    /// <param name="task">What is awaited.</param>
    /// <param name="what">In words, for the message: <c>the consumer is told that it is lost</c>.</param>
    /// <param name="within">Default <see cref="Deadline"/>.</param>
    /// <exception cref="TimeoutException">It did not.</exception>
    public static async Task CompletesAsync(Task task, string what, TimeSpan? within = null)
    {
        try
        {
            await task.WaitAsync(within ?? Deadline);
        }
        catch (TimeoutException late) when (!task.IsCompleted)
        {
            throw new TimeoutException($"{what}: not within {(within ?? Deadline).TotalSeconds} s", late);
        }
    }

    /// <inheritdoc cref="CompletesAsync(Task, string, TimeSpan?)"/>
    public static async Task<T> CompletesAsync<T>(Task<T> task, string what, TimeSpan? within = null)
    {
        await CompletesAsync((Task)task, what, within);
        return await task;
    }

    /// <summary>The condition becomes true in time. Prefer an event where there is one.</summary>
    /// <param name="condition">Looked at every 20 milliseconds.</param>
    /// <param name="what">In words, for the message.</param>
    /// <param name="instead">What is the case, for the message.</param>
    /// <param name="within">Default <see cref="Deadline"/>.</param>
    /// <exception cref="TimeoutException">It did not.</exception>
    public static async Task HoldsAsync(Func<bool> condition, string what, Func<string>? instead = null, TimeSpan? within = null)
    {
        using var deadline = new CancellationTokenSource(within ?? Deadline);
        using var timer = new PeriodicTimer(LookEvery);
        while (!condition())
        {
            try
            {
                await timer.WaitForNextTickAsync(deadline.Token);
            }
            catch (OperationCanceledException late) when (deadline.IsCancellationRequested)
            {
                throw new TimeoutException($"{what}: not within {(within ?? Deadline).TotalSeconds} s; instead {instead?.Invoke() ?? "nothing is known"}", late);
            }
        }
    }

    /// <summary>What somebody answers when asked becomes what is expected.</summary>
    /// <param name="expected">Compared with <see cref="object.Equals(object?, object?)"/>.</param>
    /// <param name="ask">Asked again and again.</param>
    /// <param name="within">Default <see cref="Deadline"/>.</param>
    /// <param name="every">Default 20 milliseconds.</param>
    /// <exception cref="TimeoutException">It did not.</exception>
    public static async Task EqualsAsync<T>(T expected, Func<Task<T>> ask, TimeSpan? within = null, TimeSpan? every = null)
    {
        using var deadline = new CancellationTokenSource(within ?? Deadline);
        using var timer = new PeriodicTimer(every ?? LookEvery);
        for (var answer = await ask(); !Equals(answer, expected); answer = await ask())
        {
            try
            {
                await timer.WaitForNextTickAsync(deadline.Token);
            }
            catch (OperationCanceledException late) when (deadline.IsCancellationRequested)
            {
                throw new TimeoutException($"Expected {expected} within {(within ?? Deadline).TotalSeconds} s; the last answer was {answer}", late);
            }
        }
    }
}
