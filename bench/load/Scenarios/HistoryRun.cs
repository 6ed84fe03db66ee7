using System.Globalization;
using Tertulia.Load.Contenders;
using Tertulia.Load.Measuring;
using Tertulia.Load.Traffic;
using Tertulia.Testing;

namespace Tertulia.Load.Scenarios;

/// <summary>Everything that was sent, acknowledged, shown and stored at a high rate, held against the guarantees by the tests' own checker.</summary>
internal sealed class HistoryRun(Contender contender, CrowdShape shape, Pace pace, CancellationToken cancellationToken)
{
    private const int ReadersAtOnce = 16;
    private const int Examples = 5;
    private static readonly TimeSpan OpenWithin = TimeSpan.FromSeconds(120);

    /// <summary>Up to the rate in steps, as a ramp gets there; then reads the rooms back and checks.</summary>
    public Measurement Run(double rate, Measurement blank)
    {
        if (rate <= 0)
        {
            throw new InvalidOperationException($"the rate is not known: measure {shape.Members}-member rooms with the ramp first, or say --rate");
        }

        using var crowd = new Crowd(shape, contender.Dialect, contender.Ports, new CrowdIdentity("checked", IsRecorded: true), cancellationToken);
        crowd.Open(OpenWithin);
        crowd.Send(Math.Min(rate, ScenarioRun.WarmRate), pace.RampWarmUp);
        foreach (var share in (ReadOnlySpan<double>)[0.1, 0.2, 0.4, 0.8])
        {
            crowd.Send(rate * share, pace.Step);
        }

        var window = new ServerWatch(contender).Measure(crowd, rate, pace.Window);

        var rooms = ReadBackAsync(crowd).GetAwaiter().GetResult();
        var violations = rooms.AsParallel().AsOrdered().WithCancellation(cancellationToken)
            .SelectMany(room => HistoryChecker.Check(room.Observations).Select(violation => $"{room.Name}: {violation}"))
            .Concat(Unanswered(crowd).AsParallel()).ToArray();
        var clients = crowd.Rooms.SelectMany(room => room.Members).ToArray();
        return blank with
        {
            Window = window,
            Check = new CheckResult(
                clients.Sum(client => (long)client.Sent), clients.Sum(client => (long)client.Acknowledged.Count), clients.Sum(client => (long)client.Shown.Count),
                clients.Sum(client => client.Shown.LeftOut), rooms.Sum(room => room.Observations[0].History.Count), violations.Length, [.. violations.Take(Examples)]),
        };
    }

    /// <summary>The checker knows nothing of what was sent and never answered.</summary>
    private static IEnumerable<string> Unanswered(Crowd crowd) =>
        from room in crowd.Rooms
        from client in room.Members
        where client.Acknowledged.Count != client.Sent
        select string.Create(CultureInfo.InvariantCulture, $"{room.Name}: user-{client.Number} sent {client.Sent}, {client.Acknowledged.Count} were acknowledged");

    private async Task<(string Name, Observation[] Observations)[]> ReadBackAsync(Crowd crowd)
    {
        var observed = new (string, Observation[])[crowd.Rooms.Count];
        var options = new ParallelOptions { MaxDegreeOfParallelism = ReadersAtOnce, CancellationToken = cancellationToken };
        var reading = Parallel.ForAsync(0, observed.Length, options, async (number, _) =>
        {
            // The first and the last member read it, each on a connection of its own, whose greeting is checked, too; the others are held against the first
            // one's. Their own greetings were of an empty room.
            var room = crowd.Rooms[number];
            var first = await ReadAsync(room, room.Members[0]);
            var last = await ReadAsync(room, room.Members[^1]);
            observed[number] = (room.Name,
            [
                .. room.Members.Select(client =>
                {
                    var read = client == room.Members[^1] ? last : first;
                    return new Observation($"user-{client.Number}", client.Since, client.Shown.ReadGaps(first.History), client.Acknowledged, read.History)
                    {
                        Views = client == room.Members[0] || client == room.Members[^1] ? read.Views : [],
                    };
                }),
            ]);
        });

        // The clients of the crowd answer pings meanwhile.
        while (!reading.IsCompleted)
        {
            crowd.Idle(TimeSpan.FromMilliseconds(100));
        }

        await reading;
        return observed;
    }

    private async Task<Observation> ReadAsync(Room room, Traffic.ChatClient member)
    {
        await using var reader = new ResumingClient([contender.Url], room.Name, $"user-{member.Number}", new Random(member.Number));
        await reader.StartAsync();
        return await reader.ObserveAsync();
    }
}
