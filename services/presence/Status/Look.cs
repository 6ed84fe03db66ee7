using Tertulia.Contracts;

namespace Tertulia.Presence.Status;

/// <summary>How a user who is online is shown to others. Never changes; where there is none, the user is shown as offline.</summary>
/// <param name="Status"><c>online</c>, <c>away</c> or <c>busy</c>.</param>
/// <param name="Text">Empty when there is none.</param>
/// <param name="Emoji">Empty when there is none.</param>
internal sealed record Look(string Status, string Text, string Emoji)
{
    private static readonly Look Online = new(PresenceStatus.Online, "", "");
    private static readonly Look Away = new(PresenceStatus.Away, "", "");

    /// <param name="chosen">What the user has chosen; null when nothing.</param>
    /// <param name="isUnused">All of the user's devices are away.</param>
    /// <returns>Null for a user who is invisible.</returns>
    public static Look? Of(ChosenStatus? chosen, bool isUnused)
    {
        var plain = isUnused ? Away : Online;
        return chosen switch
        {
            null => plain,
            { Status: PresenceStatus.Invisible } => null,
            { Status: PresenceStatus.Online, Text: "", Emoji: "" } => plain,
            { Status: PresenceStatus.Online } => new Look(plain.Status, chosen.Text, chosen.Emoji),
            _ => new Look(chosen.Status, chosen.Text, chosen.Emoji),
        };
    }

    /// <summary>The user as others are told of it.</summary>
    public PresentUser Show(string userId, string username) =>
        new() { UserId = userId, Username = username, Status = Status, Text = Text, Emoji = Emoji };
}
