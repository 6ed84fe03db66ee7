using System.Globalization;

namespace Tertulia.Testing;

/// <summary>A message that the server said is durable.</summary>
public sealed record AcknowledgedMessage(string ClientMsgId, string MessageId, long Seq);

/// <summary>What one client of a room went through.</summary>
/// <param name="UserId">Who.</param>
/// <param name="Since">The room's seq when it first came: it must have seen everything after it.</param>
/// <param name="Shown">What its user saw, in the order in which it was shown.</param>
/// <param name="Acknowledged">What it sent and was told is durable.</param>
/// <param name="History">The whole room as this client reads it at the end.</param>
public sealed record Observation(
    string UserId, long Since, IReadOnlyList<ShownMessage> Shown, IReadOnlyList<AcknowledgedMessage> Acknowledged, IReadOnlyList<ShownMessage> History)
{
    /// <summary>What each of its connections was shown, the first one first.</summary>
    public IReadOnlyList<RoomView> Views { get; init; } = [];

    /// <summary>Without some messages: what is changed reads otherwise at the end than it was shown, and its changes are checked instead.</summary>
    public Observation Without(IReadOnlySet<string> messageIds) => this with
    {
        Shown = [.. Shown.Where(message => !messageIds.Contains(message.Id))],
        History = [.. History.Where(message => !messageIds.Contains(message.Id))],
        Acknowledged = [.. Acknowledged.Where(sent => !messageIds.Contains(sent.MessageId))],
        Views = [.. Views.Select(view => view.Without(messageIds))],
    };
}

/// <summary>A change that the server said is durable.</summary>
/// <param name="Of">Id of the message, or of the user whose place it is.</param>
/// <param name="Seq">The entry's.</param>
/// <param name="IsPlace">Of a user's place; else of a message.</param>
public sealed record AcknowledgedChange(string Of, long Seq, bool IsPlace);

/// <summary>Holds the guarantees of a room against what each of its clients saw: nothing acknowledged is lost, nothing is shown twice or out of order, and all read the same.</summary>
/// <remarks>Members that come and go take a seq, too, and are not shown as messages: what is missing is judged by the messages of the history, not by numbers.</remarks>
public static class HistoryChecker
{
    /// <returns>Every violation, one sentence each; empty when all guarantees held.</returns>
    public static IReadOnlyList<string> Check(IReadOnlyList<Observation> room)
    {
        var violations = new List<string>();
        var history = room[0].History;
        CheckHistory(history, violations);
        var bySeq = history.DistinctBy(message => message.Seq).ToDictionary(message => message.Seq);
        foreach (var client in room)
        {
            CheckSameHistory(room[0], client, violations);
            CheckAcknowledged(client, history, violations);
            CheckShown(client, bySeq, violations);
            CheckComplete(client, history, violations);
            for (var number = 0; number < client.Views.Count; number++)
            {
                violations.AddRange(CheckView($"{client.UserId}, connection {number + 1}", client.Views[number], history));
            }
        }

        return violations;
    }

    /// <summary>Holds what one connection was shown, greeting and live, against the room's log: no hole between its first and its last message that the server
    /// did not announce, none twice, all in order.</summary>
    /// <param name="who">Begins each sentence.</param>
    /// <param name="view">What it was shown.</param>
    /// <param name="history">All messages of the room, read afterwards.</param>
    /// <returns>Every violation, one sentence each.</returns>
    public static IEnumerable<string> CheckView(string who, RoomView view, IReadOnlyList<ShownMessage> history)
    {
        ShownMessage[] shown = [.. view.Shown];
        var bySeq = history.DistinctBy(message => message.Seq).ToDictionary(message => message.Seq);
        var live = view.Live.Select(message => message.Seq).ToHashSet();
        // A long resume does not fit into one frame: the rest of it follows as messages. What a newcomer is shown is one page.
        var greeted = (view.After is null ? view.History : shown).Select(message => message.Seq).ToHashSet();
        var (known, last) = (history.Count(message => message.Seq <= view.AsOf), view.LastSeq);
        var first = view.After ?? (view.History.Count > 0 ? view.History[0].Seq - 1 : view.AsOf);
        return
        [
            .. OutOfOrder(shown).Select(message => $"{who}: was shown seq {message.Seq} out of order"),
            .. Twice(shown).Select(id => $"{who}: was shown {id} twice"),
            .. shown.Where(message => bySeq.GetValueOrDefault(message.Seq) != message).Select(message => $"{who}: was shown {message}, which the history does not have"),
            .. view.History.Where(message => message.Seq > view.AsOf).Select(message => $"{who}: the greeting as of seq {view.AsOf} shows seq {message.Seq}"),
            .. view.Live.Where(message => view.After is null && message.Seq <= view.AsOf).Select(message => $"{who}: seq {message.Seq} came live after a greeting as of seq {view.AsOf}"),
            .. view.After is null && view.History.Count < Math.Min(RoomView.PageSize, known)
                ? (string[])[$"{who}: the greeting as of seq {view.AsOf} shows {view.History.Count} of {known} messages"] : [],
            .. history.Where(message => message.Seq > first && message.Seq <= Math.Min(view.AsOf, last) && !greeted.Contains(message.Seq) && !view.IsLeftOut(message.Seq))
                .Select(message => $"{who}: the greeting as of seq {view.AsOf} leaves out seq {message.Seq}"),
            .. history.Where(message => message.Seq > view.AsOf && message.Seq <= last && !live.Contains(message.Seq) && !view.IsLeftOut(message.Seq))
                .Select(message => $"{who}: seq {message.Seq} never came live"),
        ];
    }

    /// <summary>Every change after the position of a connection came live, once and in order, or is in a state that the resume showed.</summary>
    /// <param name="who">Begins each sentence.</param>
    /// <param name="view">What one connection was shown.</param>
    /// <param name="changes">All that were made.</param>
    public static IEnumerable<string> CheckChanges(string who, RoomView view, IEnumerable<AcknowledgedChange> changes)
    {
        var (live, last) = (view.LiveEntries.ToHashSet(), view.LastSeq);
        var restored = view.Restored.ToLookup(state => state.Id, state => state.UpdatedSeq);
        var places = view.Places.ToLookup(place => place.UserId, place => place.Seq);
        return
        [
            .. view.LiveEntries.Zip(view.LiveEntries.Skip(1)).Where(pair => pair.Second <= pair.First).Select(pair => $"{who}: entry {pair.Second} came live after {pair.First}"),
            .. changes.Where(change => change.Seq > view.ChangesAfter && change.Seq <= last && !view.IsLeftOut(change.Seq) && !live.Contains(change.Seq)
                    && !(change.IsPlace ? places : restored)[change.Of].Any(seq => seq >= change.Seq))
                .Select(change => $"{who}: change {change.Seq} of {change.Of} never came"),
        ];
    }

    private static void CheckHistory(IReadOnlyList<ShownMessage> history, List<string> violations)
    {
        violations.AddRange(OutOfOrder(history).Select(message => $"history: seq {message.Seq} is out of order"));
        violations.AddRange(Twice(history).Select(id => $"history: {id} is there twice"));
    }

    private static void CheckSameHistory(Observation first, Observation client, List<string> violations)
    {
        if (!client.History.SequenceEqual(first.History))
        {
            violations.Add($"{client.UserId}: reads another history ({client.History.Count} messages) than {first.UserId} ({first.History.Count})");
        }
    }

    private static void CheckAcknowledged(Observation client, IReadOnlyList<ShownMessage> history, List<string> violations)
    {
        var stored = history.Where(message => message.UserId == client.UserId).ToLookup(message => message.ClientMsgId);
        foreach (var sent in client.Acknowledged)
        {
            if (!stored[sent.ClientMsgId].Any(message => message.Seq == sent.Seq && message.Id == sent.MessageId))
            {
                violations.Add(string.Create(CultureInfo.InvariantCulture, $"{client.UserId}: acknowledged {sent.ClientMsgId} at seq {sent.Seq} is lost"));
            }
        }
    }

    private static void CheckShown(Observation client, Dictionary<long, ShownMessage> bySeq, List<string> violations)
    {
        violations.AddRange(OutOfOrder(client.Shown).Select(message => $"{client.UserId}: was shown seq {message.Seq} out of order"));
        violations.AddRange(Twice(client.Shown).Select(id => $"{client.UserId}: was shown {id} twice"));
        violations.AddRange(client.Shown.Where(message => bySeq.GetValueOrDefault(message.Seq) != message)
            .Select(message => $"{client.UserId}: was shown {message}, which the history does not have"));
    }

    private static void CheckComplete(Observation client, IReadOnlyList<ShownMessage> history, List<string> violations)
    {
        var shown = client.Shown.Select(message => message.Seq).ToHashSet();
        violations.AddRange(history.Where(message => message.Seq > client.Since && !shown.Contains(message.Seq))
            .Select(message => $"{client.UserId}: was never shown seq {message.Seq}"));
    }

    private static IEnumerable<ShownMessage> OutOfOrder(IReadOnlyList<ShownMessage> messages) =>
        messages.Zip(messages.Skip(1)).Where(pair => pair.Second.Seq <= pair.First.Seq).Select(pair => pair.Second);

    private static IEnumerable<string> Twice(IReadOnlyList<ShownMessage> messages) =>
        messages.GroupBy(message => message.Id).Where(same => same.Count() > 1).Select(same => $"message {same.Key}")
            .Concat(messages.Where(message => message.ClientMsgId.Length > 0)
                .GroupBy(message => (message.UserId, message.ClientMsgId)).Where(same => same.Count() > 1)
                .Select(same => $"{same.Key.UserId}'s message {same.Key.ClientMsgId}"));
}
