using System.Runtime.InteropServices;
using Tertulia.Load;
using Tertulia.Load.Commands;
using Tertulia.Load.Growing;

if (args is [IdleCrowd.Verb, .. var crowd])
{
    return IdleCrowd.Serve(crowd);
}

if (args.Contains("--help"))
{
    Console.WriteLine(BenchOptions.Usage);
    return 0;
}

BenchOptions options;
try
{
    options = BenchOptions.Parse(args);
}
catch (ArgumentException mistake)
{
    Console.Error.WriteLine($"{mistake.Message}\n{BenchOptions.Usage}");
    return 2;
}

using var stopping = new CancellationTokenSource();
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal =>
{
    signal.Cancel = true;
    stopping.Cancel();
});
var command = string.Join(' ', ["./dev bench", .. args]);
return (int)(options.Verb switch
{
    Verb.Growth => await new GrowthCommand(options, command).RunAsync(stopping.Token),
    Verb.Plot => GrowthCommand.Plot(options),
    Verb.Storm => await new StormCommand(options, command).RunAsync(stopping.Token),
    Verb.Soak => await new SoakCommand(options, command).RunAsync(stopping.Token),
    _ => await new TableCommand(options, command).RunAsync(stopping.Token),
});
