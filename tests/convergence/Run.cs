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
        var participants = Enumerable.Range(0, script.Users)
            .Select(user => new Participant(cluster, $"{name}-user-{user}", rooms, script.Seed + user)).ToArray();
        try
        {
            await Task.WhenAll(participants.Select((participant, user) => ActAsync(participant, script.Steps.Where(step => step.User == user))));
            await using var newcomer = new Participant(cluster, $"{name}-newcomer", rooms, script.Seed);
            var differences = new List<string>();
            foreach (var room in rooms)
            {
                var last = await newcomer.SayAsync(room, "the end");
                await Task.WhenAll(participants.Append(newcomer).Select(participant => participant.SeesAsync(room, last)));
                var expected = await newcomer.DescribeAsync(room);
                foreach (var participant in participants)
                {
                    if (await participant.DescribeAsync(room) is var held && held != expected)
                    {
                        differences.Add($"{participant.UserId} in {room} holds\n{Difference(held, expected)}");
                    }
                }
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
