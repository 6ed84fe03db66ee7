using System.Globalization;

namespace Tertulia.Convergence.Tests;

/// <summary>What a participant does next.</summary>
internal enum Deed
{
    Say,
    Reply,
    Edit,
    Delete,
    React,
    Unreact,
    Pin,
    Unpin,
    Read,
    Cut,
    Leave,
    KillNode,
    KillReplica,
}

/// <summary>One thing that one participant does.</summary>
/// <param name="Number">Its place in the script: also makes the texts different.</param>
/// <param name="User">0 to users - 1.</param>
/// <param name="Room">0 to rooms - 1.</param>
/// <param name="Deed">What.</param>
/// <param name="Choice">Which message, node or replica: any number, taken modulo what there is.</param>
internal sealed record Step(int Number, int User, int Room, Deed Deed, int Choice)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Number}: user {User} in room {Room}: {Deed} {Choice}");
}

/// <summary>What happens in one run: a pure function of its seed.</summary>
/// <param name="Seed">Makes the same script again.</param>
/// <param name="Users">Participants. The last one comes late: after half of its steps' predecessors are done.</param>
/// <param name="Rooms">Rooms that all of them share.</param>
/// <param name="Steps">Each user's in order; those of different users at the same time.</param>
internal sealed record Script(int Seed, int Users, int Rooms, IReadOnlyList<Step> Steps)
{
    // How often, out of all.
    private static readonly (Deed Deed, int Weight)[] Usual =
    [
        (Deed.Say, 30), (Deed.Reply, 10), (Deed.Edit, 14), (Deed.Delete, 6), (Deed.React, 14), (Deed.Unreact, 6), (Deed.Pin, 4), (Deed.Unpin, 2), (Deed.Read, 6), (Deed.Cut, 5),
        (Deed.Leave, 2),
    ];

    /// <param name="seed">Any number.</param>
    /// <param name="kills">How many processes are killed in it.</param>
    public static Script Of(int seed, int kills)
    {
        var random = new Random(seed);
        var (users, rooms, count) = (random.Next(2, 6), random.Next(1, 4), random.Next(30, 90));
        var weights = Usual.Sum(entry => entry.Weight);
        var steps = new List<Step>();
        for (var number = 0; number < count; number++)
        {
            steps.Add(new Step(number, random.Next(users), random.Next(rooms), Choose(random.Next(weights)), random.Next(1_000)));
        }

        for (var kill = 0; kill < kills; kill++)
        {
            var at = random.Next(steps.Count);
            steps[at] = steps[at] with { Deed = random.Next(2) == 0 ? Deed.KillNode : Deed.KillReplica };
        }

        return new Script(seed, users, rooms, steps);
    }

    public override string ToString() => $"TERTULIA_SEED={Seed}: {Users} users, {Rooms} rooms\n{string.Join('\n', Steps)}";

    private static Deed Choose(int point)
    {
        foreach (var (deed, weight) in Usual)
        {
            point -= weight;
            if (point < 0)
            {
                return deed;
            }
        }

        return Deed.Say;
    }
}
