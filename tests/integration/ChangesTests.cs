using System.Globalization;
using Tertulia.Testing;
using Xunit.Abstractions;

namespace Tertulia.Integration.Tests;

/// <summary>Edits, deletions, reactions, replies and pins are made once, whatever process dies, and in the end everybody holds what the server holds.</summary>
[Collection(TrafficCollection.Name)]
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class ChangesTests(FaultCluster fixture, ITestOutputHelper output)
{
    private const int People = 6;
    private static readonly TimeSpan SettleWithin = TimeSpan.FromSeconds(60);
    private readonly string _room = $"changes-{Guid.NewGuid():N}";
    private readonly CancellationTokenSource _stop = new();
    private int _changes;

    [Fact]
    public async Task Everybody_holds_the_same_after_the_owners_were_killed_and_connections_were_cut()
    {
        var people = Enumerable.Range(0, People)
            .Select(number => new ResumingClient([fixture.Gateways[number % fixture.Gateways.Count]], _room, $"person-{number}", new Random(number))).ToArray();
        try
        {
            await people[0].StartAsync(); // Who comes first owns the room, and may pin.
            var board = await people[0].SendAsync("board");
            await Task.WhenAll(people.Skip(1).Select(person => person.StartAsync()));
            var working = people.Select((person, number) => WorkAsync(person, number, board.MessageId)).ToArray();
            foreach (var replica in fixture.Cluster.Messages)
            {
                await MoreChangesAsync(60);
                await replica.KillAsync();
                await people[^1].CutAsync();
                await MoreChangesAsync(60);
                await fixture.RestartAsync(replica);
            }

            await MoreChangesAsync(60);
            await _stop.CancelAsync();
            var versions = await Task.WhenAll(working).WaitAsync(SettleWithin);

            output.WriteLine($"{_changes} changes");
            await CheckAsync(people, board, versions);
        }
        finally
        {
            foreach (var person in people)
            {
                await person.DisposeAsync();
            }

            _stop.Dispose();
        }
    }

    private async Task CheckAsync(ResumingClient[] people, AcknowledgedMessage board, Work[] works)
    {
        var last = await people[0].SendAsync("the end");
        foreach (var person in people)
        {
            await Eventually.HoldsAsync(
                () => person.Picture.Messages.Any(message => message.Seq == last.Seq), $"{person.UserId} is shown the last message", within: SettleWithin);
        }

        var stored = await ReadAsync(people[0]);
        foreach (var person in people)
        {
            Assert.True(person.Picture.IsWhole, $"{person.UserId} was told of a gap");
            Assert.Equal(stored, person.Picture.Messages);
        }

        // Each edit counted once, and each reply; each was the last one's to say.
        foreach (var work in works)
        {
            var own = stored.Single(message => message.Id == work.Own.MessageId);
            Assert.Equal((1L + work.Edits, work.Content), (own.Version, own.Content));
        }

        var thread = stored.Single(message => message.Id == board.MessageId);
        Assert.Equal(works.Sum(work => work.Replies), thread.ReplyCount);
        Assert.Equal(PicturedMessage.Joined(works.GroupBy(work => work.Emoji).Select(same => (same.Key, (long)same.Count()))), thread.Reactions);
        Assert.Equal(works.Sum(work => work.Deletions), stored.Count(message => message.IsDeleted));
        Assert.Equal(works[0].IsPinned, thread.IsPinned);
    }

    // Everybody changes a message of their own, says and deletes others, and works on the board with all the others.
    private async Task<Work> WorkAsync(ResumingClient person, int number, string board)
    {
        var work = new Work(await person.SendAsync("mine")) { Content = "mine" };
        for (var turn = 1; !_stop.IsCancellationRequested; turn++)
        {
            var content = string.Create(CultureInfo.InvariantCulture, $"{person.UserId} says {turn}");
            await DoneAsync(person, $"\"type\":\"message_edit\",\"message_id\":\"{work.Own.MessageId}\",\"version\":{1 + work.Edits},\"content\":\"{content}\"");
            work = work with { Edits = work.Edits + 1, Content = content };

            var emoji = turn % 2 == 0 ? "👍" : ":other:";
            await DoneAsync(person, $"\"type\":\"reaction_add\",\"message_id\":\"{board}\",\"emoji\":\"{emoji}\"");
            if (work.Emoji.Length > 0)
            {
                await DoneAsync(person, $"\"type\":\"reaction_remove\",\"message_id\":\"{board}\",\"emoji\":\"{work.Emoji}\"");
            }

            work = work with { Emoji = emoji };
            var reply = await DoneAsync(
                person, $"\"type\":\"message\",\"client_msg_id\":\"{person.UserId}-reply-{turn}\",\"reply_to\":\"{board}\",\"content\":\"{content}\"");
            work = work with { Replies = work.Replies + 1 };
            if (turn % 3 == 0)
            {
                await DoneAsync(person, $"\"type\":\"message_delete\",\"message_id\":\"{reply.Text("message_id")}\"");
                work = work with { Deletions = work.Deletions + 1 };
            }

            if (number == 0)
            {
                await DoneAsync(person, $"\"type\":\"{(work.IsPinned ? "unpin" : "pin")}\",\"message_id\":\"{board}\"");
                work = work with { IsPinned = !work.IsPinned };
            }
        }

        return work;
    }

    private async Task<Frame> DoneAsync(ResumingClient person, string fields)
    {
        var answer = await person.AskAsync(fields);
        Assert.True(answer.Type != "error", $"{person.UserId}: {fields} was answered with {answer}");
        Interlocked.Increment(ref _changes);
        return answer;
    }

    private async Task MoreChangesAsync(int count)
    {
        var before = Volatile.Read(ref _changes);
        await Eventually.HoldsAsync(
            () => Volatile.Read(ref _changes) >= before + count, $"{count} more changes are made", () => $"{_changes - before} were", SettleWithin);
    }

    private static async Task<List<PicturedMessage>> ReadAsync(ResumingClient person)
    {
        List<PicturedMessage> stored = [];
        while (true)
        {
            var after = stored.Count == 0 ? 0 : stored[^1].Seq;
            var page = await person.AskAsync($"\"type\":\"history\",\"after_seq\":{after},\"limit\":100");
            stored.AddRange(page.Items("items").Select(PicturedMessage.Of));
            if (!page.Flag("has_more"))
            {
                return stored;
            }
        }
    }

    /// <summary>What one person has done.</summary>
    private sealed record Work(AcknowledgedMessage Own)
    {
        public string Content { get; init; } = "";

        public long Edits { get; init; }

        public string Emoji { get; init; } = "";

        public long Replies { get; init; }

        public int Deletions { get; init; }

        public bool IsPinned { get; init; }
    }
}
