using System.Collections;
using System.Text;
using Tertulia.Testing;

namespace Tertulia.Load.Traffic;

/// <summary>Every message of a room as its members were shown it, for the history checker.</summary>
/// <remarks>
/// Members get the same bytes, so each message is kept once; whoever gets other bytes has them kept for himself. Nothing is parsed before it is asked for, so that while
/// messages arrive the checker's full rules cost a comparison and four bytes for each delivery.
/// </remarks>
internal sealed class RoomRecord
{
    private readonly List<byte[]> _frames = [];
    private readonly Dictionary<long, int> _bySeq = [];
    private readonly List<ShownMessage?> _read = [];

    /// <summary>Keeps what a member was shown.</summary>
    /// <param name="seq">As read from the frame.</param>
    /// <param name="frame">The frame.</param>
    /// <returns>For <see cref="this[int]"/>.</returns>
    public int Keep(long seq, ReadOnlySpan<byte> frame)
    {
        var isKnown = _bySeq.TryGetValue(seq, out var index);
        if (isKnown && frame.SequenceEqual(_frames[index]))
        {
            return index;
        }

        _frames.Add(frame.ToArray());
        _read.Add(null);
        if (!isKnown)
        {
            _bySeq.Add(seq, _frames.Count - 1);
        }

        return _frames.Count - 1;
    }

    /// <summary>What was kept. Not for several threads.</summary>
    public ShownMessage this[int index] => _read[index] ??= ShownMessage.From(Frame.Parse(Encoding.UTF8.GetString(_frames[index])).Data);
}

/// <summary>What one member was shown, in the order in which it came.</summary>
/// <param name="room">What its room keeps; null keeps nothing.</param>
internal sealed class ShownLog(RoomRecord? room) : IReadOnlyList<ShownMessage>
{
    private readonly List<int> _kept = [];
    private readonly List<(int At, long From, long To)> _gaps = [];

    /// <summary>Messages that it was told to read from the history, because it did not keep up.</summary>
    public long LeftOut => _gaps.Sum(gap => gap.To - gap.From + 1);

    public int Count => _kept.Count;

    public ShownMessage this[int index] => room![_kept[index]];

    /// <inheritdoc cref="RoomRecord.Keep"/>
    public void Add(long seq, ReadOnlySpan<byte> frame)
    {
        if (room is not null)
        {
            _kept.Add(room.Keep(seq, frame));
        }
    }

    /// <summary>The server has left messages out, and says so.</summary>
    public void AddGap(long from, long to) => _gaps.Add((_kept.Count, from, to));

    /// <summary>What its user saw, when it reads what was left out as it was told to.</summary>
    /// <param name="history">The room's.</param>
    public IReadOnlyList<ShownMessage> ReadGaps(IReadOnlyList<ShownMessage> history)
    {
        if (_gaps.Count == 0)
        {
            return this;
        }

        var bySeq = history.DistinctBy(message => message.Seq).ToDictionary(message => message.Seq);
        var seen = new List<ShownMessage>(_kept.Count);
        var next = 0;
        foreach (var (at, from, to) in _gaps)
        {
            for (; next < at; next++)
            {
                seen.Add(this[next]);
            }

            for (var seq = from; seq <= to; seq++)
            {
                if (bySeq.TryGetValue(seq, out var message))
                {
                    seen.Add(message);
                }
            }
        }

        seen.AddRange(this.Skip(next));
        return seen;
    }

    public IEnumerator<ShownMessage> GetEnumerator() => _kept.Select(index => room![index]).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

/// <summary>What one member was told is durable; each answer is parsed when it is asked for.</summary>
internal sealed class AcknowledgementLog : IReadOnlyList<AcknowledgedMessage>
{
    private readonly List<byte[]> _frames = [];

    public int Count => _frames.Count;

    public AcknowledgedMessage this[int index] => Read(_frames[index]);

    public void Add(ReadOnlySpan<byte> frame) => _frames.Add(frame.ToArray());

    public IEnumerator<AcknowledgedMessage> GetEnumerator() => _frames.Select(Read).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private static AcknowledgedMessage Read(byte[] frame)
    {
        var answer = Frame.Parse(Encoding.UTF8.GetString(frame));
        return new AcknowledgedMessage(answer.Text("client_msg_id"), answer.Text("message_id"), answer.Number("seq"));
    }
}
