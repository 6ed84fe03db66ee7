namespace Tertulia.Connections.Sessions;

/// <summary>Background tasks of one owner, which awaits all of them when it ends.</summary>
internal sealed class RunningTasks
{
    private readonly Lock _lock = new();
    private TaskCompletionSource? _idle;
    private int _count;

    /// <summary>Tasks that run.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Starts one that is awaited at the end only.</summary>
    /// <param name="work">Deals with its own exceptions.</param>
    public void Start(Func<Task> work) => _ = Run(work);

    /// <summary>Starts one.</summary>
    /// <param name="work">Deals with its own exceptions.</param>
    public Task Run(Func<Task> work)
    {
        lock (_lock)
        {
            _count++;
        }

        return RunAsync(work);
    }

    /// <summary>Completes when none runs.</summary>
    public Task WhenIdleAsync()
    {
        lock (_lock)
        {
            return _count == 0 ? Task.CompletedTask : (_idle ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
    }

    private async Task RunAsync(Func<Task> work)
    {
        try
        {
            await work();
        }
        finally
        {
            TaskCompletionSource? idle = null;
            lock (_lock)
            {
                if (--_count == 0)
                {
                    (idle, _idle) = (_idle, null);
                }
            }

            idle?.SetResult();
        }
    }
}
