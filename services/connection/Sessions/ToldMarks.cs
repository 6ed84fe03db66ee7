using Tertulia.Connections.Events;

namespace Tertulia.Connections.Sessions;

/// <summary>Keeps what a session is told of read marks in their order: the last thing it is told of a room is the newest one.</summary>
/// <remarks>The events come in the order in which the marks were written. An answer that shows marks, too, was read from the store at some moment, and is sent at
/// a later one: an event that came in between is told once more after it.</remarks>
internal sealed class ToldMarks(Session session)
{
    private readonly Lock _gate = new();
    private Dictionary<string, UnreadEvent>? _meanwhile;
    private int _answers;

    /// <summary>Before the store is asked for an answer that shows marks. Dispose of it when the answer was sent, or never will be.</summary>
    public Answering Begin()
    {
        lock (_gate)
        {
            _answers++;
        }

        return new Answering(this);
    }

    /// <summary>A mark was written.</summary>
    public void Tell(UnreadEvent unread)
    {
        lock (_gate)
        {
            if (_answers > 0)
            {
                (_meanwhile ??= new(StringComparer.Ordinal))[unread.RoomId] = unread; // As many as rooms are read while an answer is made.
            }

            session.Send(unread);
        }
    }

    private void TellAgain(Func<string, long?> readSeqOf)
    {
        lock (_gate)
        {
            foreach (var (roomId, unread) in _meanwhile ?? [])
            {
                if (readSeqOf(roomId) is { } readSeq && readSeq != unread.Mark.ReadSeq)
                {
                    session.Send(unread);
                }
            }
        }
    }

    private void End()
    {
        lock (_gate)
        {
            if (--_answers == 0)
            {
                _meanwhile = null;
            }
        }
    }

    /// <summary>An answer in the making.</summary>
    internal sealed class Answering(ToldMarks told) : IDisposable
    {
        /// <summary>It was sent.</summary>
        /// <param name="readSeqOf">What it showed as read of a room; null when it did not show the room.</param>
        public void Sent(Func<string, long?> readSeqOf) => told.TellAgain(readSeqOf);

        public void Dispose() => told.End();
    }
}
