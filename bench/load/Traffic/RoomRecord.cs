using System.Text;
using Tertulia.Testing;

namespace Tertulia.Load.Traffic;

/// <summary>Every message of a room as its members were shown it, for the history checker.</summary>
/// <remarks>Members get the same bytes, so each message is read once and shared; whoever gets other bytes has them read for himself.
/// So the checker's full rules cost little more than a comparison for each delivery.</remarks>
internal sealed class RoomRecord
{
    private readonly Dictionary<long, (byte[] Frame, ShownMessage Message)> _bySeq = [];

    /// <summary>What a member saw.</summary>
    /// <param name="seq">As read from the frame.</param>
    /// <param name="frame">The frame.</param>
    public ShownMessage Shown(long seq, ReadOnlySpan<byte> frame)
    {
        if (_bySeq.TryGetValue(seq, out var known))
        {
            return frame.SequenceEqual(known.Frame) ? known.Message : Read(frame);
        }

        var message = Read(frame);
        _bySeq.Add(seq, (frame.ToArray(), message));
        return message;
    }

    /// <summary>What a sender was told.</summary>
    public static AcknowledgedMessage Acknowledgement(ReadOnlySpan<byte> frame)
    {
        var answer = Frame.Parse(Encoding.UTF8.GetString(frame));
        return new AcknowledgedMessage(answer.Text("client_msg_id"), answer.Text("message_id"), answer.Number("seq"));
    }

    private static ShownMessage Read(ReadOnlySpan<byte> frame) => ShownMessage.From(Frame.Parse(Encoding.UTF8.GetString(frame)).Data);
}
