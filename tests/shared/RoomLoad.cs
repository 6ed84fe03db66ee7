using System.Collections.Concurrent;
using System.Globalization;

namespace Tertulia.Testing;

/// <summary>How the clients of a load behave.</summary>
public sealed record RoomLoadStyle
{
    /// <summary>Longest pause of a client between its messages; the shortest is 50 milliseconds.</summary>
    /// <value>Default 450 milliseconds: four to five messages a second.</value>
    public TimeSpan LongestPause { get; init; } = TimeSpan.FromMilliseconds(450);

    /// <summary>Longest time in which all are in their rooms.</summary>
    /// <value>Default <see cref="ChatClient.Deadline"/>.</value>
    public TimeSpan JoinWithin { get; init; } = ChatClient.Deadline;

    /// <summary>Makes the token of a user, for a product that does not believe a <c>user_id</c>; null sends none.</summary>
    public Func<string, string>? TokenFor { get; init; }
}

/// <summary>Many clients who talk in a few rooms, change what they said before, react, pin and invite, until they are told to stop, and what became of it.</summary>
/// <remarks>The seed decides who says how much when, and through which door each connection goes; the processes' own timing stays their own.</remarks>
public sealed class RoomLoad : IAsyncDisposable
{
    private static readonly TimeSpan SettleWithin = TimeSpan.FromSeconds(60);
    private readonly RoomLoadStyle _style;
    private readonly CancellationTokenSource _stop = new();
    private readonly List<(string RoomId, ResumingClient Client, Random Random)> _clients = [];
    private readonly ConcurrentQueue<(string RoomId, AcknowledgedChange Change)> _changes = [];
    private ILookup<string, AcknowledgedMessage> _old = Array.Empty<AcknowledgedMessage>().ToLookup(_ => ""); // By room: what is changed.
    private readonly List<Task> _talking = [];

    private RoomLoad(int seed, RoomLoadStyle style) => (Seed, _style) = (seed, style);

    /// <summary>What the run was made from; <c>TERTULIA_SEED</c> repeats it.</summary>
    public int Seed { get; }

    /// <summary>All clients.</summary>
    public IReadOnlyList<ResumingClient> Clients => [.. _clients.Select(client => client.Client)];

    /// <summary>Messages acknowledged so far.</summary>
    public int Acknowledged => _clients.Sum(client => client.Client.AcknowledgedCount);

    /// <summary>Changes of messages and places acknowledged so far.</summary>
    public int Changes => _changes.Count;

    /// <summary>The seed of the environment, else a new one.</summary>
    public static int SeedOfRun() =>
        int.TryParse(Environment.GetEnvironmentVariable("TERTULIA_SEED"), CultureInfo.InvariantCulture, out var seed) ? seed : Random.Shared.Next();

    /// <summary>Brings everybody into the rooms and lets them talk.</summary>
    /// <param name="servers">Doors.</param>
    /// <param name="clients">How many clients.</param>
    /// <param name="rooms">Among how many rooms.</param>
    /// <param name="seed">See <see cref="Seed"/>.</param>
    /// <param name="style">Null for the defaults.</param>
    public static async Task<RoomLoad> StartAsync(IReadOnlyList<Uri> servers, int clients, int rooms, int seed, RoomLoadStyle? style = null)
    {
        var load = new RoomLoad(seed, style ?? new RoomLoadStyle());
        var run = Guid.NewGuid().ToString("N")[..8];
        for (var i = 0; i < clients; i++)
        {
            var random = new Random(seed + i);
            var roomId = $"load-{run}-{i % rooms}";
            var userId = $"user-{run}-{i}";
            load._clients.Add((roomId, new ResumingClient(servers, roomId, userId, random) { Token = load._style.TokenFor?.Invoke(userId) }, random));
        }

        await Task.WhenAll(load._clients.Select(client => client.Client.StartAsync(load._style.JoinWithin)));
        var old = await Task.WhenAll(load._clients.Select(async client => (client.RoomId, Said: await client.Client.SendAsync($"{client.Client.UserId} says something that changes"))));
        load._old = old.ToLookup(said => said.RoomId, said => said.Said);
        load._talking.AddRange(load._clients.Select(client => load.TalkAsync(client.RoomId, client.Client, client.Random)));
        return load;
    }

    /// <summary>Waits until so many more messages were acknowledged.</summary>
    public async Task WaitForMoreAsync(int messages, TimeSpan within)
    {
        var target = Acknowledged + messages;
        using var deadline = new CancellationTokenSource(within);
        using var ask = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        try
        {
            while (Acknowledged < target)
            {
                await ask.WaitForNextTickAsync(deadline.Token);
            }
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"Awaited {target} acknowledged messages within {within.TotalSeconds} s; there are {Acknowledged} (seed {Seed})");
        }
    }

    /// <summary>Lets everybody finish, waits until all have seen all, and checks.</summary>
    /// <returns>Every violation, with the seed; empty when all guarantees held.</returns>
    public async Task<IReadOnlyList<string>> FinishAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_talking).WaitAsync(SettleWithin);
        List<string> violations = [];
        foreach (var room in _clients.GroupBy(client => client.RoomId))
        {
            var clients = room.Select(client => client.Client).ToArray();
            var lastSeq = clients.SelectMany(client => client.Acknowledged).Max(message => message.Seq);
            await Task.WhenAll(clients.Select(client => client.Transcript.WaitForSeqAsync(lastSeq, SettleWithin)));
            var observations = await Task.WhenAll(clients.Select(client => client.ObserveAsync()));
            var old = _old[room.Key].Select(said => said.MessageId).ToHashSet(StringComparer.Ordinal);
            AcknowledgedChange[] changes = [.. _changes.Where(change => change.RoomId == room.Key).Select(change => change.Change)];
            violations.AddRange(HistoryChecker.Check([.. observations.Select(seen => seen.Without(old))])
                .Concat(observations.SelectMany(seen => seen.Views.SelectMany(view => HistoryChecker.CheckChanges(seen.UserId, view, changes))))
                .Select(violation => $"{room.Key}: {violation} (seed {Seed})"));
        }

        return violations;
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        foreach (var (_, client, _) in _clients)
        {
            await client.DisposeAsync();
        }

        _stop.Dispose();
    }

    private async Task TalkAsync(string roomId, ResumingClient client, Random random)
    {
        // Now and then several at once, so that what is resent has an order to lose.
        for (var said = 0; !_stop.IsCancellationRequested;)
        {
            if (random.Next(4) == 0)
            {
                await ChangeAsync(roomId, client, random);
            }

            var atOnce = 1 + (random.Next(4) == 0 ? random.Next(3) : 0);
            await Task.WhenAll(Enumerable.Range(said, atOnce).Select(number => client.SendAsync($"{client.UserId} says {number}")));
            said += atOnce;
            using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(random.Next(50, (int)_style.LongestPause.TotalMilliseconds)));
            try
            {
                await pause.WaitForNextTickAsync(_stop.Token);
            }
            catch (OperationCanceledException)
            {
                return; // It has finished what it said, and need not wait for what it would say next.
            }
        }
    }

    private async Task ChangeAsync(string roomId, ResumingClient client, Random random)
    {
        AcknowledgedMessage[] old = [.. _old[roomId]];
        var (any, own) = (old[random.Next(old.Length)].MessageId, old.First(said => said.ClientMsgId.StartsWith($"{client.UserId}-", StringComparison.Ordinal)).MessageId);
        var ghost = $"ghost-{random.Next():x8}"; // Somebody who never comes.
        var (of, fields) = random.Next(8) switch
        {
            0 or 1 => (any, $"\"type\":\"reaction_add\",\"message_id\":\"{any}\",\"emoji\":\"👍\""),
            2 => (any, $"\"type\":\"reaction_remove\",\"message_id\":\"{any}\",\"emoji\":\"👍\""),
            3 or 4 => (own, $"\"type\":\"message_edit\",\"message_id\":\"{own}\",\"content\":\"changed {ghost}\""),
            5 => (any, $"\"type\":\"{(random.Next(2) == 0 ? "pin" : "unpin")}\",\"message_id\":\"{any}\""),
            6 when random.Next(8) == 0 => (own, $"\"type\":\"message_delete\",\"message_id\":\"{own}\""),
            _ => (ghost, $"\"type\":\"invite\",\"user_id\":\"{ghost}\""),
        };
        var answer = await client.AskAsync(fields);
        if (answer.Number("seq") is > 0 and var seq)
        {
            // Not what was so already, or what was refused: the message was deleted, or only a moderator may.
            _changes.Enqueue((roomId, new AcknowledgedChange(of, seq, IsPlace: of == ghost)));
        }
    }
}
