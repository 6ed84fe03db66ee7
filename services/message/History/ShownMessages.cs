using Tertulia.Contracts;

namespace Tertulia.Messages.History;

/// <summary>Messages as one user is shown them: of those who reacted only the first, with their number, and whether the user is among them.</summary>
internal static class ShownMessages
{
    /// <summary>Users named with each emoji at most.</summary>
    public const int MaxUsers = 10;

    /// <summary>The messages as the user is shown them; what the store gave stays as it is.</summary>
    public static IEnumerable<Message> ShownTo(this IEnumerable<Message> messages, string userId) => messages.Select(message => message.ShownTo(userId));

    /// <inheritdoc cref="ShownTo(IEnumerable{Message}, string)"/>
    public static Message ShownTo(this Message message, string userId)
    {
        if (message.Reactions.Count == 0)
        {
            return message;
        }

        var shown = message.Clone();
        foreach (var reaction in shown.Reactions)
        {
            (reaction.Count, reaction.Me) = ((uint)reaction.UserIds.Count, reaction.UserIds.Contains(userId));
            while (reaction.UserIds.Count > MaxUsers)
            {
                reaction.UserIds.RemoveAt(reaction.UserIds.Count - 1);
            }
        }

        return shown;
    }
}
