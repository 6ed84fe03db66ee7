using System.Collections.Concurrent;
using System.Globalization;
using Tertulia.Load.Dialects;
using Tertulia.Load.Traffic;

namespace Tertulia.Load.Growing;

/// <summary>A process that holds idle connections and answers their pings: reads on its input how many there shall be, and ends with it.</summary>
internal static class IdleCrowd
{
    /// <summary>On the command line; for <see cref="IdleCrowds"/>, not for people.</summary>
    public const string Verb = "idle-crowd";

    /// <summary>The answer when all went well; any other is a complaint.</summary>
    public const string Done = "done";

    private const int Members = 10;
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(50);

    /// <param name="arguments">First user, number of users, seconds that opening may take, ports.</param>
    public static int Serve(string[] arguments)
    {
        var numbers = arguments.Select(text => int.Parse(text, CultureInfo.InvariantCulture)).ToArray();
        var (first, clients, within) = (numbers[0], numbers[1], TimeSpan.FromSeconds(numbers[2]));
        using var ended = new CancellationTokenSource();
        var wanted = new ConcurrentQueue<int>();
        _ = Task.Run(() =>
        {
            while (Console.In.ReadLine() is { } line)
            {
                wanted.Enqueue(int.Parse(line, CultureInfo.InvariantCulture));
            }

            ended.Cancel();
        });
        var identity = new CrowdIdentity($"idle{first}", first, IsRoomByRoom: true);
        using var crowd = new Crowd(
            new CrowdShape(clients, Math.Max(1, clients / Members), 0), new TertuliaDialect(), [.. numbers[3..].Select(port => (ushort)port)], identity, ended.Token);
        try
        {
            while (true)
            {
                if (wanted.TryDequeue(out var count))
                {
                    Console.WriteLine(Answer(crowd, count, within));
                }

                crowd.Idle(LookEvery);
            }
        }
        catch (OperationCanceledException) when (ended.IsCancellationRequested)
        {
            return 0;
        }
    }

    private static string Answer(Crowd crowd, int count, TimeSpan within)
    {
        try
        {
            if (count > 0)
            {
                crowd.Open(count, within);
            }

            return crowd.Tally.Disconnects == 0 ? Done : $"{crowd.Tally.Disconnects} were closed: {string.Join("; ", crowd.Tally.Complaints)}";
        }
        catch (TimeoutException late)
        {
            return late.Message;
        }
    }
}
