namespace Tertulia.Load.Soaking;

/// <summary>What a user of the soak does, and how often out of all: as the users of a busy team chat, who read and type more than they write.</summary>
internal enum SoakDeed
{
    Read,
    Typing,
    Message,
    React,
    Edit,
    History,
    Leave,
    Reconnect,
    Delete,
}

/// <summary>Chooses deeds by their weights.</summary>
internal static class SoakDeeds
{
    private static readonly (SoakDeed Deed, int Weight)[] Weights =
    [
        (SoakDeed.Read, 30), (SoakDeed.Typing, 20), (SoakDeed.Message, 20), (SoakDeed.React, 12), (SoakDeed.Edit, 6), (SoakDeed.History, 6), (SoakDeed.Leave, 2), (SoakDeed.Reconnect, 2),
        (SoakDeed.Delete, 2),
    ];

    private static readonly int Sum = Weights.Sum(entry => entry.Weight);

    /// <summary>One of them, by chance.</summary>
    public static SoakDeed Next(Random random)
    {
        var point = random.Next(Sum);
        foreach (var (deed, weight) in Weights)
        {
            point -= weight;
            if (point < 0)
            {
                return deed;
            }
        }

        return SoakDeed.Read;
    }
}
