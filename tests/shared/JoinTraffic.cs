using System.Collections.Concurrent;
using System.Globalization;

namespace Tertulia.Testing;

/// <summary>One room in which some people talk without a pause, while others come into it: for the first time, again, by resume, and by a join on the
/// socket for many rooms.</summary>
/// <param name="doors">Where they connect: everyone takes one after the other.</param>
public sealed class JoinTraffic(IReadOnlyList<Uri> doors)
{
    private const int Talkers = 4;
    private const int InFlight = 10;
    private const int ComingAtOnce = 16;
    private const int OneOfThemComesAgain = 20;
    private const int OldMessages = 60; // More than a greeting shows: what is changed is nothing that newcomers are shown.
    private static readonly TimeSpan SettleWithin = TimeSpan.FromSeconds(60);
    private readonly string _room = $"joins-{Guid.NewGuid():N}";
    private readonly ConcurrentQueue<(string Who, RoomView View)> _views = [];
    private ResumingClient[] _talkers = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentQueue<AcknowledgedChange> _changes = [];
    private string[] _old = [];
    private int _nextDoor;

    /// <summary>Connections whose views were checked, at the end.</summary>
    public int Visits => _views.Count;

    /// <summary>Messages that were said meanwhile, at the end.</summary>
    public int Messages { get; private set; }

    /// <summary>Changes of messages that were made meanwhile, at the end.</summary>
    public int Changes => _changes.Count;

    /// <summary>Lets them talk and come, and holds what each of them was shown against the room's log.</summary>
    /// <param name="newcomers">People who come; every twentieth of them comes again, then by resume, then by a join with a position.</param>
    /// <returns>Every violation; empty when nobody missed anything and nobody saw anything twice.</returns>
    public async Task<IReadOnlyList<string>> RunAsync(int newcomers)
    {
        var talkers = _talkers = [.. Enumerable.Range(0, Talkers).Select(number => new ResumingClient(Doors(number), _room, $"talker-{number}", new Random(number)))];
        try
        {
            await Task.WhenAll(talkers.Select(talker => talker.StartAsync()));
            _old = [.. (await Task.WhenAll(Enumerable.Range(0, OldMessages).Select(number => talkers[0].SendAsync($"old {number}")))).Select(sent => sent.MessageId)];
            Task[] talking =
            [
                .. talkers.SelectMany(talker => Enumerable.Range(0, InFlight).Select(lane => TalkAsync(talker, lane))),
                .. talkers.Select((talker, number) => ChangeAsync(talker, number)),
            ];
            try
            {
                await Parallel.ForAsync(0, newcomers, new ParallelOptions { MaxDegreeOfParallelism = ComingAtOnce }, async (number, _) => await ComeAsync($"newcomer-{number}", number % OneOfThemComesAgain == 0));
            }
            finally
            {
                await _stop.CancelAsync();
                await Task.WhenAll(talking).WaitAsync(SettleWithin);
            }

            var last = talkers.SelectMany(talker => talker.Acknowledged).Max(message => message.Seq);
            await Task.WhenAll(talkers.Select(talker => talker.Transcript.WaitForSeqAsync(last, SettleWithin)));
            var observations = await Task.WhenAll(talkers.Select(talker => talker.ObserveAsync()));
            var log = observations[0].History;
            Messages = log.Count;
            var old = _old.ToHashSet(StringComparer.Ordinal);
            var said = observations[0].Without(old).History;
            return
            [
                .. HistoryChecker.Check([.. observations.Select(seen => seen.Without(old))]),
                .. _views.SelectMany(visit => HistoryChecker.CheckView(visit.Who, visit.View.Without(old), said)),
                .. _views.SelectMany(visit => HistoryChecker.CheckChanges(visit.Who, visit.View, _changes)),
            ];
        }
        finally
        {
            foreach (var talker in talkers)
            {
                await talker.DisposeAsync();
            }

            _stop.Dispose();
        }
    }

    private async Task ChangeAsync(ResumingClient talker, int number)
    {
        for (var turn = 0; !_stop.IsCancellationRequested; turn++)
        {
            var messageId = _old[((turn / 5 * Talkers) + number) % _old.Length];
            var ghost = turn % 10 == 9 ? $"ghost-{number}-{turn}" : null; // Somebody who never comes.
            var fields = (turn % 5) switch
            {
                _ when ghost is not null => $"\"type\":\"invite\",\"user_id\":\"{ghost}\"",
                0 => $"\"type\":\"reaction_add\",\"message_id\":\"{messageId}\",\"emoji\":\"👍\"",
                1 => $"\"type\":\"reaction_remove\",\"message_id\":\"{messageId}\",\"emoji\":\"👍\"",
                2 when number == 0 => $"\"type\":\"message_edit\",\"message_id\":\"{messageId}\",\"content\":\"edited {turn}\"",
                3 when number == 0 => $"\"type\":\"{(turn % 2 == 0 ? "pin" : "unpin")}\",\"message_id\":\"{messageId}\"",
                4 when number == 0 && turn % 25 == 24 => $"\"type\":\"message_delete\",\"message_id\":\"{messageId}\"",
                4 => $"\"type\":\"message\",\"reply_to\":\"{messageId}\",\"client_msg_id\":\"{talker.UserId}-reply-{turn}\",\"content\":\"reply {turn}\"",
                _ => $"\"type\":\"reaction_add\",\"message_id\":\"{messageId}\",\"emoji\":\":talker-{number}:\"",
            };
            var answer = await talker.AskAsync(fields);
            if (answer.Number("seq") is > 0 and var seq)
            {
                _changes.Enqueue(new AcknowledgedChange(ghost ?? messageId, seq, IsPlace: ghost is not null)); // Not what was so already, or what was refused because the message was deleted.
            }
        }
    }

    private Uri[] Doors(int first) => [doors[first % doors.Count]];

    private Uri NextDoor() => doors[(int)((uint)Interlocked.Increment(ref _nextDoor) % (uint)doors.Count)];

    private async Task TalkAsync(ResumingClient talker, int lane)
    {
        for (var number = 0; !_stop.IsCancellationRequested; number++)
        {
            await talker.SendAsync(string.Create(CultureInfo.InvariantCulture, $"{talker.UserId} says {lane}.{number}"));
        }
    }

    private async Task ComeAsync(string userId, bool comesAgain)
    {
        await EnterAsync($"{userId}, first time", userId, null);
        if (!comesAgain)
        {
            return;
        }

        var again = await EnterAsync($"{userId}, again", userId, null);
        var resumed = await EnterAsync($"{userId}, by resume", userId, again);
        await JoinAsync($"{userId}, by a join with a position", userId, resumed);
    }

    /// <returns>The position that the visit ended at.</returns>
    private async Task<(string Epoch, long Seq)> EnterAsync(string who, string userId, (string Epoch, long Seq)? since)
    {
        var position = since is { } at ? $"&last_seq={at.Seq}&epoch={at.Epoch}" : "";
        await using var client = await ChatClient.ConnectAsync(NextDoor(), $"/ws/{_room}?user_id={userId}&username={userId}{position}");
        return await StayAsync(who, client, await client.WaitForAsync("connected"), since?.Seq);
    }

    private async Task JoinAsync(string who, string userId, (string Epoch, long Seq) since)
    {
        await using var client = await ChatClient.ConnectAsync(NextDoor(), $"/ws?user_id={userId}&username={userId}");
        await client.WaitForAsync("connected");
        var joined = await client.AskAsync($$"""
            "type":"join","room_id":"{{_room}}","since":{"epoch":"{{since.Epoch}}","seq":{{since.Seq}}}
            """);
        await StayAsync(who, client, joined, since.Seq);
    }

    private async Task<(string Epoch, long Seq)> StayAsync(string who, ChatClient client, Frame greeting, long? after)
    {
        var head = _talkers.Max(talker => talker.Transcript.LastSeq);
        await client.WaitForAsync(frame => frame.Type == "message" && frame.Number("seq") > head, $"a message after seq {head}");
        if (after is not null)
        {
            // The rest of a long resume comes after the greeting, and a message that is changed meanwhile moves to its end: who leaves before has not been told it yet. No
            // seq says that it is over: on a busy machine the talkers are behind what the resume is read from. A reaction does: a resume shows the message as it is then.
            await client.WaitForAsync(frame => frame.Type == "reaction" && frame.Ref.Length == 0, "something that only comes live");
        }

        await client.CloseAsync();
        var frames = client.Frames;
        var view = RoomView.Of([greeting, .. frames.SkipWhile(frame => frame != greeting).Skip(1)], after)!;
        _views.Enqueue((who, view));
        return (greeting.Epoch, view.LastSeq);
    }
}
