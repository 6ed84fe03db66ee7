using Tertulia.Connections.Events;

namespace Tertulia.Connections.Rooms;

/// <content>Typing, as the members of this node see it.</content>
internal sealed partial class RoomBinding
{
    private RoomTyping? _typing;

    /// <summary>A source of a user types, or stopped; tells the other members of this node.</summary>
    /// <returns>Who had to be told.</returns>
    public TypingNews ReportTyping(string userId, string username, string source, bool isLocal, bool isTyping, TimeProvider time)
    {
        lock (Gate)
        {
            if (_typing is null && !isTyping)
            {
                return default;
            }

            _typing ??= new RoomTyping(time);
            var news = _typing.Report(userId, username, source, isLocal, isTyping);
            if (news.Here)
            {
                FanOutTyping(userId, username, isTyping);
            }

            return news;
        }
    }

    /// <summary>Ends what was not repeated.</summary>
    /// <returns>True when there is still something that may end.</returns>
    public bool ExpireTyping()
    {
        lock (Gate)
        {
            if (_typing is null)
            {
                return false;
            }

            var ended = new List<(string UserId, string Username)>();
            _typing.Expire(ended);
            foreach (var (userId, username) in ended)
            {
                FanOutTyping(userId, username, isTyping: false);
            }

            if (_typing.IsEmpty)
            {
                _typing = null;
            }

            return _typing is not null;
        }
    }

    // Never to the user's own devices. Who is only entering has not seen anybody begin.
    private void FanOutTyping(string userId, string username, bool isTyping)
    {
        if (_members.Count == 0)
        {
            return;
        }

        var serverEvent = new TypingEvent(RoomId, userId, username, isTyping);
        foreach (var member in _members.Span)
        {
            if (member.State == MemberState.Live && member.UserId != userId)
            {
                member.Session.Send(serverEvent);
            }
        }
    }
}
