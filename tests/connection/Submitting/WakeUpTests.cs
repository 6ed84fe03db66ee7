using Tertulia.Connections.Submitting;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Submitting;

public sealed class WakeUpTests
{
    private readonly WakeUp _wakeUp = new();

    [Fact]
    public void Signals_before_the_wait_are_one()
    {
        _wakeUp.Signal(onThisThread: true);
        _wakeUp.Signal(onThisThread: false);

        Assert.True(WaitAsync().IsCompletedSuccessfully);
        Assert.False(WaitAsync().IsCompleted);
    }

    [Fact]
    public async Task Who_waits_goes_on_where_the_signal_says()
    {
        Task<Thread> here = null!;
        var isOver = false;
        var thread = new Thread(() =>
        {
            here = WaitAsync();
            _wakeUp.Signal(onThisThread: true);
            isOver = here.IsCompleted;
        });
        thread.Start();
        thread.Join();
        var elsewhere = WaitAsync();
        _wakeUp.Signal(onThisThread: false);

        Assert.True(isOver);
        Assert.Same(thread, await here);
        Assert.True((await Eventually.CompletesAsync(elsewhere, "the second wait is over")).IsThreadPoolThread);
    }

    private async Task<Thread> WaitAsync()
    {
        await _wakeUp.WaitAsync().ConfigureAwait(false);
        return Thread.CurrentThread;
    }
}
