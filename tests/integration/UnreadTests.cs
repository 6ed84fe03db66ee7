using System.Text.Json;
using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>What is unread is one number: on all devices of a user and on the server, whatever the devices read, mark and write.</summary>
[Collection(TrafficCollection.Name)]
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class UnreadTests(FaultCluster fixture)
{
    private const int Steps = 150;
    private readonly string _room = $"unread-{Guid.NewGuid():N}";

    private IReadOnlyList<Uri> Nodes => fixture.Cluster.NodeUrls;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Three_devices_that_read_and_mark_at_random_agree_with_each_other_and_with_the_server(int seed)
    {
        var random = new Random(seed);
        await using var bruno = await ChatClient.JoinAsync(Nodes[0], _room, "bruno");
        await using var phone = await Device.OpenAsync(Nodes[0], _room);
        await using var laptop = await Device.OpenAsync(Nodes[1], _room);
        await using var tablet = await Device.OpenAsync(Nodes[1], _room);
        Device[] devices = [phone, laptop, tablet];

        var last = 3L;
        List<Task> answers = [];
        for (var step = 0; step < Steps; step++)
        {
            var device = devices[random.Next(devices.Length)];
            switch (random.Next(10))
            {
                case < 4:
                    last = (await bruno.SayAsync($"m{step}")).Number("seq");
                    break;
                case < 5:
                    last = (await device.Client.SayAsync($"mine {step}")).Number("seq");
                    break;
                case < 9:
                    answers.Add(device.Client.AskAsync($"\"type\":\"read\",\"seq\":{random.NextInt64(last + 1)}"));
                    break;
                default:
                    answers.Add(device.Client.AskAsync($"\"type\":\"mark_unread\",\"seq\":{random.NextInt64(1, last + 1)}"));
                    break;
            }
        }

        await Task.WhenAll(answers);
        var server = await ServerAsync();
        await Eventually.HoldsAsync(
            () => Array.TrueForAll(devices, device => device.Unread == server),
            $"all devices show {server}", () => string.Join(", ", devices.Select(device => device.Unread)));
    }

    [Fact]
    public async Task The_others_see_how_far_a_user_has_read_and_the_user_does_not()
    {
        await using var ana = await Device.OpenAsync(Nodes[0], _room);
        await using var bruno = await ChatClient.JoinAsync(Nodes[1], _room, "bruno");
        var said = await bruno.SayAsync("hola");

        await ana.Client.AskAsync($"\"type\":\"read\",\"seq\":{said.Number("seq")}");

        var receipt = await bruno.WaitForAsync("read_receipt");
        Assert.Equal(("ana", said.Number("seq")), (receipt.Text("user_id"), receipt.Number("seq")));
        Assert.DoesNotContain(ana.Client.Frames, frame => frame.Type == "read_receipt");
    }

    [Fact]
    public async Task What_was_answered_as_read_is_read_after_every_message_replica_was_killed()
    {
        await using var bruno = await ChatClient.JoinAsync(Nodes[0], _room, "bruno");
        await using var ana = await Device.OpenAsync(Nodes[1], _room);
        for (var i = 0; i < 5; i++)
        {
            await bruno.SayAsync($"m{i}");
        }

        var answer = await ana.Client.AskAsync("\"type\":\"read\",\"seq\":6");
        Assert.Equal(2, answer.Number("unread"));
        await Task.WhenAll(fixture.Cluster.Messages.Select(replica => replica.KillAsync()));
        await fixture.RestartAsync([.. fixture.Cluster.Messages]);

        Assert.Equal((6, 2), await ServerAsync());
    }

    [Fact]
    public async Task A_thread_that_is_read_on_one_device_is_read_on_all_until_it_is_answered_again()
    {
        await using var bruno = await ChatClient.JoinAsync(Nodes[0], _room, "bruno");
        await using var phone = await Device.OpenAsync(Nodes[0], _room);
        await using var laptop = await Device.OpenAsync(Nodes[1], _room);
        var root = (await phone.Client.SayAsync("who comes?")).Text("message_id");
        var first = await ReplyAsync("I do");
        await Eventually.EqualsAsync((1L, first), ListedAsync);
        await laptop.Client.WaitForAsync(frame => frame.Type == "message" && frame.Seq == first, "the reply");
        var before = laptop.Unread;

        var answer = await phone.Client.AskAsync($"\"type\":\"read\",\"seq\":{first},\"thread_root\":\"{root}\"");

        Assert.Equal((0, first, true), (answer.Number("unread"), answer.Number("read_seq"), answer.Data.GetProperty("following").GetBoolean()));
        foreach (var device in new[] { phone, laptop })
        {
            await device.Client.WaitForAsync(
                frame => frame.Type == "unread" && frame.Text("thread_root") == root && frame.Number("read_seq") == first, "the thread is read");
        }

        Assert.Equal(before, laptop.Unread); // The room is not.
        var second = await ReplyAsync("and Carla");
        await Eventually.EqualsAsync((1L, second), ListedAsync);

        async Task<long> ReplyAsync(string content) =>
            (await bruno.AskAsync($"\"type\":\"message\",\"content\":\"{content}\",\"reply_to\":\"{root}\"")).Number("seq");

        async Task<(long Unread, long LastSeq)> ListedAsync()
        {
            var items = (await laptop.Client.AskAsync("\"type\":\"threads\"")).Items("items");
            var thread = items.FirstOrDefault(item => item.GetProperty("thread_root").GetString() == root);
            return thread.ValueKind == JsonValueKind.Undefined ? default : (thread.GetProperty("unread").GetInt64(), thread.GetProperty("last_seq").GetInt64());
        }
    }

    private async Task<(long ReadSeq, long Unread)> ServerAsync()
    {
        await using var one = await Device.OpenAsync(Nodes[0], _room);
        await using var all = await ChatClient.ConnectAsync(Nodes[1], "/ws?user_id=ana&username=ana");
        var rooms = (await all.WaitForAsync("connected")).Items("rooms");
        var listed = rooms.Single(room => room.GetProperty("room_id").GetString() == _room);
        Assert.Equal(one.Unread, (listed.GetProperty("read_seq").GetInt64(), listed.GetProperty("unread").GetInt64()));
        return one.Unread;
    }

    /// <summary>A device of Ana's that counts as docs/protocol.md says.</summary>
    private sealed class Device : IAsyncDisposable
    {
        private readonly Lock _lock = new();
        private readonly SortedDictionary<long, string> _messages = [];
        private (long ReadSeq, long Unread, long LastSeq) _told;

        public ChatClient Client { get; private set; } = null!;

        public (long ReadSeq, long Unread) Unread
        {
            get
            {
                lock (_lock)
                {
                    var (readSeq, unread, lastSeq) = _told;
                    foreach (var (seq, userId) in _messages.Where(message => message.Key > lastSeq))
                    {
                        (readSeq, unread) = userId == "ana" ? (seq, 0) : (readSeq, unread + 1);
                    }

                    return (readSeq, unread);
                }
            }
        }

        public static async Task<Device> OpenAsync(Uri node, string room)
        {
            var device = new Device();
            device.Client = await ChatClient.JoinAsync(node, room, "ana", new ChatClientOptions { OnFrame = device.OnFrame });
            return device;
        }

        public ValueTask DisposeAsync() => Client.DisposeAsync();

        private void OnFrame(ChatClient client, Frame frame)
        {
            lock (_lock)
            {
                switch (frame.Type)
                {
                    case "connected":
                    case "unread" when !frame.Data.TryGetProperty("thread_root", out _):
                        _told = (frame.Number("read_seq"), frame.Number("unread"), frame.Number("last_seq"));
                        break;
                    case "message":
                        _messages[frame.Seq] = frame.Text("user_id");
                        break;
                }
            }
        }
    }
}
