using System.Diagnostics;
using Tertulia.Testing;
using Tertulia.Verify;

if (!VerifyArguments.TryParse(args, out var arguments, out var problem))
{
    await Console.Error.WriteLineAsync($"{problem}\n{VerifyArguments.Usage}");
    return 2;
}

var signer = TokenSigner.OfEnvironment(arguments, TimeProvider.System);
Console.WriteLine($"{arguments.Clients} clients in {arguments.Rooms} rooms at {string.Join(' ', arguments.Urls)}, {arguments.Messages} messages");
try
{
    var started = Stopwatch.GetTimestamp();
    await using var load = await RoomLoad.StartAsync(
        arguments.Urls, arguments.Clients, arguments.Rooms, RoomLoad.SeedOfRun(),
        new RoomLoadStyle { JoinWithin = arguments.Within, TokenFor = signer is null ? null : signer.For });
    var joined = Stopwatch.GetElapsedTime(started);
    // Parts of the messages, a storm after each of them; then whatever fits into the rest of the time.
    var part = Math.Max(1, arguments.Messages / (arguments.Storms + 1));
    for (var storm = 0; storm < arguments.Storms; storm++)
    {
        await load.WaitForMoreAsync(part, arguments.Within);
        await Task.WhenAll(load.Clients.Select(client => client.CutAsync().AsTask()));
    }

    await load.WaitForMoreAsync(part, arguments.Within);
    for (var left = arguments.Talking - Stopwatch.GetElapsedTime(started); left > TimeSpan.Zero; left = arguments.Talking - Stopwatch.GetElapsedTime(started))
    {
        await load.WaitForMoreAsync(1, arguments.Within);
    }

    var violations = await load.FinishAsync();
    Report.Write(Console.Out, load, joined, Stopwatch.GetElapsedTime(started), violations);
    return violations.Count == 0 ? 0 : 1;
}
catch (Exception failed) when (failed is TimeoutException or InvalidOperationException or IOException or System.Net.WebSockets.WebSocketException)
{
    Console.WriteLine($"VERDICT: could not be checked: {failed.Message}");
    return 1;
}
