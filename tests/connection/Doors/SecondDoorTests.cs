using Tertulia.Connections.Sessions;
using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;

namespace Tertulia.Connections.Tests.Doors;

/// <summary>A door needs nothing but commands in and events out.</summary>
public sealed class SecondDoorTests : IAsyncLifetime
{
    private TestNode _node = null!;
    private TestClient _ana = null!;
    private LineClient _bruno = null!;

    public async Task InitializeAsync()
    {
        _node = await TestNode.StartAsync();
        _ana = await _node.JoinedAsync("ana", "lobby", seq: 5);
        _bruno = await new LineDoor(_node.Of<ISessionFlow>(), _node.Time).OpenAsync("bruno");
        await _bruno.SayAsync("join lobby");
        await _node.AdmitAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), seq: 5);
        await _bruno.NextAsync("joined");
    }

    public async Task DisposeAsync()
    {
        await _bruno.CloseAsync();
        await _node.DisposeAsync();
    }

    [Fact]
    public async Task Clients_of_two_doors_share_a_room_with_the_same_ids_seqs_and_order()
    {
        await _ana.SayAsync("lobby", "hola");
        var first = await _node.CommandAsync(Command.BodyOneofCase.Send);
        await _bruno.SayAsync("say lobby qué tal");
        var second = await _node.CommandAsync(Command.BodyOneofCase.Send);
        await _node.TellEventsAsync("lobby", _node.Stored(first, 6), _node.Stored(second, 7));

        Assert.Equal($"sent {second.Send.MessageId} 7", await _bruno.NextAsync("sent"));
        Assert.Equal(first.Send.MessageId, (await _ana.NextAsync("message_sent", "the acknowledgement")).Text("message_id"));
        foreach (var _ in new[] { first, second })
        {
            var native = await _ana.NextAsync("message", "a message");
            Assert.Equal(
                $"message {native.Text("id")} {native.Number("seq")} {native.Text("user_id")} {native.Text("content")}", await _bruno.NextAsync("message"));
        }
    }

    [Fact]
    public async Task A_session_that_changes_its_wire_misses_nothing()
    {
        await _node.TellEventsAsync("lobby", TestNode.Message(6));
        await _bruno.NextAsync("message");
        await _bruno.DetachAsync();
        await _node.TellEventsAsync("lobby", TestNode.Message(7), TestNode.Message(8));
        Assert.Equal(["m6", "m7", "m8"], await _ana.MessagesAsync(3));
        _bruno.Attach();
        await _node.TellEventsAsync("lobby", TestNode.Message(9));

        Assert.Equal("message id-7 7 zoe m7", await _bruno.NextAsync("message"));
        Assert.Equal("message id-8 8 zoe m8", await _bruno.NextAsync("message"));
        Assert.Equal("message id-9 9 zoe m9", await _bruno.NextAsync("message"));
    }
}
