using Tertulia.Connections.Events;

namespace Tertulia.Connections.Rooms;

/// <content>Answers that show an entry of the room: a client must not see it before what came before it.</content>
internal sealed partial class RoomBinding
{
    private List<(RoomMember Member, EntryEvent Answer)>? _answers;

    /// <summary>The member is answered when the room has delivered the entry. Under the lock.</summary>
    /// <returns>False when that was done, or will not be: the member is to be answered at once.</returns>
    public bool AnswersLater(RoomMember member, EntryEvent answer)
    {
        if (Removed || !_order.HasBase || answer.Epoch != Epoch || answer.Entry.Seq <= _order.Last)
        {
            return false;
        }

        (_answers ??= []).Add((member, answer));
        return true;
    }

    private void AnswerUpTo(long seq)
    {
        if (_answers is not { } answers)
        {
            return;
        }

        for (var index = 0; index < answers.Count; index++)
        {
            if (answers[index].Answer.Entry.Seq <= seq)
            {
                answers[index].Member.Reply(answers[index].Answer);
            }
        }

        answers.RemoveAll(waiting => waiting.Answer.Entry.Seq <= seq);
        _answers = answers.Count > 0 ? answers : null;
    }
}
