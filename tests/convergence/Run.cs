using System.Globalization;

namespace Tertulia.Convergence.Tests;

/// <summary>Carries a script out and compares, at the end, what each participant holds with what a newcomer reads.</summary>
internal static class Run
{
    private static int _runs;

    /// <returns>What differs, a paragraph each; empty when all hold the same.</returns>
    public static async Task<IReadOnlyList<string>> CarryOutAsync(ICluster cluster, Script script)
    {
        // Ids of this run alone: a cluster serves many.
        var name = string.Create(CultureInfo.InvariantCulture, $"s{script.Seed}-{Interlocked.Increment(ref _runs)}");
        string[] rooms = [.. Enumerable.Range(0, script.Rooms).Select(room => $"{name}-room-{room}")];
        string[] users = [.. Enumerable.Range(0, script.Users).Select(user => $"{name}-user-{user}")];
        var participants = Enumerable.Range(0, script.Devices)
            .Select(device => new Participant(cluster, users[device % users.Length], users, rooms, script.Seed + device)).ToArray();
        try
        {
            await participants[0].ComeAsync(); // Who comes first owns the rooms.
            await Task.WhenAll(participants.Select((participant, device) => ActAsync(participant, script.Steps.Where(step => step.Device == device))));
            await Task.WhenAll(rooms.Select(participants[0].OpenAsync));
            await Task.WhenAll(participants.Select(participant => participant.ComeAsync()));
            await using var newcomer = new Participant(cluster, $"{name}-newcomer", users, rooms, script.Seed);
            var differences = new List<string>();
            foreach (var room in rooms)
            {
                differences.AddRange(await CompareAsync(room, participants, newcomer));
            }

            return differences;
        }
        finally
        {
            foreach (var participant in participants)
            {
                await participant.DisposeAsync();
            }
        }
    }

    /// <summary>A smaller script that still fails, found by leaving steps out: half of them, a quarter, down to single ones.</summary>
    /// <param name="cluster">Where the script failed.</param>
    /// <param name="script">The script that failed.</param>
    /// <param name="within">How long it may look.</param>
    public static async Task<Script> ShrinkAsync(ICluster cluster, Script script, TimeSpan within)
    {
        using var deadline = new CancellationTokenSource(within);
        for (var size = script.Steps.Count / 2; size > 0; size /= 2)
        {
            for (var at = 0; at < script.Steps.Count && !deadline.IsCancellationRequested;)
            {
                var smaller = script with { Steps = [.. script.Steps.Take(at), .. script.Steps.Skip(at + size)] };
                if ((await CarryOutAsync(cluster, smaller)).Count > 0)
                {
                    script = smaller;
                }
                else
                {
                    at += size;
                }
            }
        }

        return script;
    }

    private static async Task<IReadOnlyList<string>> CompareAsync(string room, Participant[] participants, Participant newcomer)
    {
        var (last, seq) = await newcomer.SayAsync(room, "the end");
        await Task.WhenAll(participants.Append(newcomer).Select(participant => participant.SeesAsync(room, last)));
        await Task.WhenAll(participants.DistinctBy(participant => participant.UserId).Select(participant => participant.ReadAsync(room, seq)));
        await Task.WhenAll(participants.Select(participant => participant.KnowsReadAsync(room, seq)));
        var expected = await newcomer.DescribeAsync(room);
        var differences = new List<string>();
        foreach (var participant in participants)
        {
            if (await participant.DescribeAsync(room) is var held && held != expected)
            {
                differences.Add($"{participant.UserId} in {room} holds\n{Difference(held, expected)}");
            }

            var (own, listed) = (participant.PlacesOf(room, participant.UserId).Own, newcomer.PlacesOf(room, participant.UserId).Listed);
            if (own != listed)
            {
                differences.Add($"{participant.UserId} in {room} is {listed} and takes itself for {own}");
            }
        }

        return differences;
    }

    private static async Task ActAsync(Participant participant, IEnumerable<Step> steps)
    {
        foreach (var step in steps)
        {
            await participant.DoAsync(step);
        }
    }

    private static string Difference(string held, string expected)
    {
        var (mine, theirs) = (held.Split('\n'), expected.Split('\n'));
        return string.Join('\n', mine.Except(theirs).Select(line => "+ " + line).Concat(theirs.Except(mine).Select(line => "- " + line)));
    }
}
