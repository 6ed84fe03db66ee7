using System.Runtime.InteropServices;
using Tertulia.Cluster;
using Tertulia.Testing;

if (!ClusterArguments.TryParse(args, out var layout, out var problem))
{
    await Console.Error.WriteLineAsync(problem);
    return 2;
}

using var stop = new CancellationTokenSource();
void Stop(PosixSignalContext signal)
{
    signal.Cancel = true;
    stop.Cancel();
}

using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
try
{
    Console.WriteLine("Starting: about 20 seconds.");
    await using var cluster = await ClusterProcesses.StartAsync(layout, stop.Token);
    await ClusterGreeting.WriteAsync(cluster, Console.Out);
    await WaitUntilAsync(stop.Token);

    Console.WriteLine("Stopping.");
    await cluster.StopAsync(CancellationToken.None);
    return 0;
}
catch (OperationCanceledException) when (stop.IsCancellationRequested)
{
    return 130;
}
catch (Exception failed) when (failed is InvalidOperationException or AggregateException or FileNotFoundException)
{
    await Console.Error.WriteLineAsync(failed.Message);
    return 1;
}

static async Task WaitUntilAsync(CancellationToken stopped)
{
    var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    await using var registration = stopped.Register(done.SetResult);
    await done.Task;
}
