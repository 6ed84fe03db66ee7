namespace Tertulia.Integration.Tests;

/// <summary>For what a process says only when asked: asks again until it is as expected.</summary>
internal static class Eventually
{
    public static async Task EqualAsync<T>(T expected, Func<Task<T>> actual, TimeSpan? within = null)
    {
        using var deadline = new CancellationTokenSource(within ?? TimeSpan.FromSeconds(20));
        using var ask = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        var last = await actual();
        while (!Equals(last, expected))
        {
            try
            {
                await ask.WaitForNextTickAsync(deadline.Token);
            }
            catch (OperationCanceledException)
            {
                Assert.Equal(expected, last);
            }

            last = await actual();
        }
    }
}
