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
    private static readonly TimeSpan SettleWithin = TimeSpan.FromSeconds(60);
    private readonly string _room = $"joins-{Guid.NewGuid():N}";
    private readonly ConcurrentQueue<(string Who, RoomView View)> _views = [];
    private readonly CancellationTokenSource _stop = new();
    private int _nextDoor;

    /// <summary>Connections whose views were checked, at the end.</summary>
    public int Visits => _views.Count;

    /// <summary>Messages that were said meanwhile, at the end.</summary>
    public int Messages { get; private set; }

    /// <summary>Lets them talk and come, and holds what each of them was shown against the room's log.</summary>
    /// <param name="newcomers">People who come; every twentieth of them comes again, then by resume, then by a join with a position.</param>
    /// <returns>Every violation; empty when nobody missed anything and nobody saw anything twice.</returns>
    public async Task<IReadOnlyList<string>> RunAsync(int newcomers)
    {
        var talkers = Enumerable.Range(0, Talkers).Select(number => new ResumingClient(Doors(number), _room, $"talker-{number}", new Random(number))).ToArray();
        try
        {
            await Task.WhenAll(talkers.Select(talker => talker.StartAsync()));
            var talking = talkers.SelectMany(talker => Enumerable.Range(0, InFlight).Select(lane => TalkAsync(talker, lane))).ToArray();
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
            return [.. HistoryChecker.Check(observations), .. _views.SelectMany(visit => HistoryChecker.CheckView(visit.Who, visit.View, log))];
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
        await client.WaitForAsync("message");
        await client.CloseAsync();
        var frames = client.Frames;
        var view = RoomView.Of([greeting, .. frames.SkipWhile(frame => frame != greeting).Skip(1)], after)!;
        _views.Enqueue((who, view));
        return (greeting.Epoch, view.LastSeq);
    }
}
