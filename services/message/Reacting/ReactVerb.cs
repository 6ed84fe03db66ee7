using System.Text;
using Google.Protobuf.Collections;
using Tertulia.Contracts;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Verbs;

namespace Tertulia.Messages.Reacting;

/// <summary>A user reacts to a message with an emoji, or takes that back.</summary>
internal sealed class ReactVerb : ChangeVerb
{
    /// <summary>Different emoji on one message at most.</summary>
    public const int MaxEmoji = 30;

    /// <summary>Reactions on one message at most.</summary>
    public const int MaxReactions = 1_000;

    /// <summary>UTF-8 bytes of the names of all who reacted to one message at most: each reaction writes them.</summary>
    public const int MaxReactionBytes = 64 * 1024;

    public override Command.BodyOneofCase Body => Command.BodyOneofCase.React;

    protected override string Name => "react";

    protected override string TargetOf(Command command) => command.React.MessageId;

    protected override RoomAction ActionOf(Actor actor, Message? message) => RoomAction.React;

    protected override Change Apply(in Submitted submitted, Message message, Flush flush)
    {
        var react = submitted.Command.React;
        var userId = submitted.Command.Actor.UserId;
        if (!EmojiText.IsValid(react.Emoji))
        {
            return Change.Refused(ErrorCode.BadRequest, EmojiText.Rule);
        }

        var place = IndexOf(message.Reactions, react.Emoji);
        var has = place >= 0 && message.Reactions[place].UserIds.Contains(userId);
        if (has != react.Remove)
        {
            return Change.None(Entry(message, react));
        }

        if (react.Remove)
        {
            Remove(message.Reactions, place, userId);
        }
        else if (!TryAdd(message.Reactions, place, react.Emoji, userId))
        {
            return Change.Refused(ErrorCode.LimitExceeded, $"a message has at most {MaxEmoji} different emoji and {MaxReactions} reactions");
        }

        return Change.By(Entry(message, react));
    }

    private static int IndexOf(RepeatedField<Reaction> reactions, string emoji)
    {
        for (var index = 0; index < reactions.Count; index++)
        {
            if (reactions[index].Emoji == emoji)
            {
                return index;
            }
        }

        return -1;
    }

    private static void Remove(RepeatedField<Reaction> reactions, int place, string userId)
    {
        reactions[place].UserIds.Remove(userId);
        if (reactions[place].UserIds.Count == 0)
        {
            reactions.RemoveAt(place);
        }
    }

    private static bool TryAdd(RepeatedField<Reaction> reactions, int place, string emoji, string userId)
    {
        var (count, bytes) = (1, Encoding.UTF8.GetByteCount(userId));
        foreach (var reaction in reactions)
        {
            count += reaction.UserIds.Count;
            foreach (var other in reaction.UserIds)
            {
                bytes += Encoding.UTF8.GetByteCount(other);
            }
        }

        if (count > MaxReactions || bytes > MaxReactionBytes || (place < 0 && reactions.Count == MaxEmoji))
        {
            return false;
        }

        if (place < 0)
        {
            reactions.Add(new Reaction { Emoji = emoji, UserIds = { userId } });
        }
        else
        {
            reactions[place].UserIds.Add(userId);
        }

        return true;
    }

    private static RoomEvent Entry(Message message, ReactToMessage react)
    {
        var changed = new ReactionChanged
        {
            MessageId = message.MessageId, MessageSeq = message.Seq, AuthorId = message.UserId, Emoji = react.Emoji, Removed = react.Remove,
        };
        foreach (var reaction in message.Reactions)
        {
            changed.Counts.Add(new ReactionCount { Emoji = reaction.Emoji, Count = (uint)reaction.UserIds.Count });
        }

        return new RoomEvent { Reaction = changed };
    }
}
