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
    MarkUnread,
    Kick,
    Ban,
    Unban,
    Mute,
    Unmute,
    SetRole,
    Invite,
    Revoke,
    Accept,
    Decline,
    Add,
    Remove,
    LeaveForGood,
    Update,
    Cut,
    Leave,
    KillNode,
    KillReplica,
}

/// <summary>One thing that one participant does.</summary>
/// <param name="Number">Its place in the script: also makes the texts different.</param>
/// <param name="Device">0 to devices - 1.</param>
/// <param name="Room">0 to rooms - 1.</param>
/// <param name="Deed">What.</param>
/// <param name="Choice">Which message, user, setting, node or replica: any number, taken modulo what there is.</param>
internal sealed record Step(int Number, int Device, int Room, Deed Deed, int Choice)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Number}: device {Device} in room {Room}: {Deed} {Choice}");
}

/// <summary>What happens in one run: a pure function of its seed.</summary>
/// <param name="Seed">Makes the same script again.</param>
/// <param name="Users">Different ones. The first one owns the rooms.</param>
/// <param name="Devices">Of all users: device n is one of user n modulo users. One that has few steps comes late.</param>
/// <param name="Rooms">Rooms that all of them share.</param>
/// <param name="Steps">Each device's in order; those of different devices at the same time.</param>
internal sealed record Script(int Seed, int Users, int Devices, int Rooms, IReadOnlyList<Step> Steps)
{
    // How often, out of all.
    private static readonly (Deed Deed, int Weight)[] Usual =
    [
        (Deed.Say, 30), (Deed.Reply, 10), (Deed.Edit, 14), (Deed.Delete, 6), (Deed.React, 14), (Deed.Unreact, 6), (Deed.Pin, 4), (Deed.Unpin, 2), (Deed.Read, 6), (Deed.Cut, 5),
        (Deed.Leave, 2), (Deed.MarkUnread, 2), (Deed.Kick, 2), (Deed.Ban, 2), (Deed.Unban, 2), (Deed.Mute, 2), (Deed.Unmute, 1), (Deed.SetRole, 4), (Deed.Invite, 2), (Deed.Revoke, 1),
        (Deed.Accept, 2), (Deed.Decline, 1), (Deed.Add, 2), (Deed.Remove, 1), (Deed.LeaveForGood, 2), (Deed.Update, 4),
    ];

    /// <param name="seed">Any number.</param>
    /// <param name="kills">How many processes are killed in it.</param>
    public static Script Of(int seed, int kills)
    {
        var random = new Random(seed);
        var (users, rooms, count) = (random.Next(2, 6), random.Next(1, 4), random.Next(30, 90));
        var devices = users + random.Next(3);
        var weights = Usual.Sum(entry => entry.Weight);
        var steps = new List<Step>();
        for (var number = 0; number < count; number++)
        {
            steps.Add(new Step(number, random.Next(devices), random.Next(rooms), Choose(random.Next(weights)), random.Next(1_000)));
        }

        for (var kill = 0; kill < kills; kill++)
        {
            var at = random.Next(steps.Count);
            steps[at] = steps[at] with { Deed = random.Next(2) == 0 ? Deed.KillNode : Deed.KillReplica };
        }

        return new Script(seed, users, devices, rooms, steps);
    }

    public override string ToString() => $"TERTULIA_SEED={Seed}: {Users} users, {Devices} devices, {Rooms} rooms\n{string.Join('\n', Steps)}";

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
