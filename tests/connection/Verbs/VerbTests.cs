using System.Text;
using Google.Protobuf;
using Microsoft.Extensions.DependencyInjection;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Submitting;
using Tertulia.Connections.Tests.Support;
using Tertulia.Connections.Verbs;
using Tertulia.Contracts;

namespace Tertulia.Connections.Tests.Verbs;

/// <summary>A verb is one class, and for each door how its command is read and its events are written.</summary>
public sealed class VerbTests : IAsyncLifetime
{
    private TestNode _node = null!;

    public async Task InitializeAsync() => _node = await TestNode.StartAsync(services => services
        .AddVerb<WaveVerb>()
        .AddSingleton(new FrameType("wave", static (ref FrameFields fields) => new WaveCommand { RoomId = fields.RoomId(), To = fields.Text("to", 64) }))
        .AddSingleton(NativeEncoder.Json<WavedEvent>(waved =>
        {
            var json = FrameJson.BeginData("waved"u8, waved.RoomId, waved.Seq);
            json.WriteString("to"u8, waved.To);
            return json;
        }))
        .AddSingleton(NativeEncoder.Json<WaveSentEvent>(sent => FrameJson.BeginData("wave_sent"u8, seq: sent.Seq, reference: sent.Ref))));

    public async Task DisposeAsync() => await _node.DisposeAsync();

    [Fact]
    public async Task A_made_up_verb_goes_from_a_frame_through_the_log_to_all_members()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 5);
        var bruno = await _node.JoinedAsync("bruno", "lobby", seq: 5);

        await ana.SendAsync(Read("""{"type":"wave","ref":"w1","room_id":"lobby","data":{"to":"bruno"}}"""));
        var wave = await _node.CommandAsync(Command.BodyOneofCase.Extension);
        Assert.Equal(("demo.wave", "bruno", "ana"), (wave.Extension.Verb, wave.Extension.Body.ToStringUtf8(), wave.Actor.UserId));
        await _node.TellEventsAsync("lobby", new RoomEvent
        {
            Seq = 6, UserId = "ana", Username = "ana", OriginNodeId = _node.Id, CommandId = wave.CommandId, Extension = wave.Extension,
        });

        var sent = await ana.NextAsync("wave_sent", "the acknowledgement");
        Assert.Equal(("w1", 6), (sent.Ref, sent.Root.GetProperty("seq").GetInt64()));
        Assert.Equal("bruno", (await ana.NextAsync("waved", "the event")).Text("to"));
        Assert.Equal("bruno", (await bruno.NextAsync("waved", "the event")).Text("to"));
    }

    [Fact]
    public async Task What_every_verb_is_refused_for_it_is_refused_for()
    {
        var ana = await _node.ConnectAsync("ana");

        await ana.SendAsync(Read("""{"type":"wave","ref":"w1","room_id":"lobby","to":"bruno"}"""));
        Assert.Equal((40302, "w1"), await ErrorAsync(ana));
        await ana.SendAsync(Read("""{"type":"wave","ref":"w2"}"""));
        Assert.Equal((40001, "w2"), await ErrorAsync(ana));
        var bruno = await _node.JoinedAsync("bruno", "lobby", seq: 5);
        await bruno.SendAsync(Read("""{"type":"wave","ref":"w3","room_id":"lobby"}"""));
        Assert.Equal((40004, "w3"), await ErrorAsync(bruno));
    }

    [Fact]
    public async Task An_entry_of_a_verb_that_the_node_does_not_know_holds_up_nothing()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 5);

        await _node.TellEventsAsync("lobby", new RoomEvent { Seq = 6, Extension = new Contracts.Extension { Verb = "demo.unknown" } }, TestNode.Message(7));

        Assert.Equal(["m7"], await ana.MessagesAsync(1));
    }

    [Fact]
    public void Every_event_and_every_command_has_its_place()
    {
        var format = _node.Of<NativeFormat>();
        var handled = _node.Of<IEnumerable<ICommandHandler>>().Select(handler => handler.Command).ToHashSet();

        Assert.All(Concrete<ServerEvent>(), serverEvent => Assert.True(format.Knows(serverEvent), $"{serverEvent.Name} has no frame"));
        Assert.All(Concrete<ClientCommand>(), command => Assert.True(handled.Contains(command), $"{command.Name} has no handler"));

        static IEnumerable<Type> Concrete<T>() => typeof(T).Assembly.GetTypes().Where(type => !type.IsAbstract && type.IsAssignableTo(typeof(T)));
    }

    private static async Task<(int Code, string? Ref)> ErrorAsync(TestClient client)
    {
        var error = await client.NextAsync("error", "the refusal");
        return (error.Code, error.Ref);
    }

    private ClientCommand Read(string json)
    {
        var reading = _node.Of<FrameReader>().Read(Encoding.UTF8.GetBytes(json));
        Assert.True(reading.Command is not null, reading.Detail);
        return reading.Command;
    }

    private sealed record WaveCommand : RoomCommand
    {
        public string? To { get; init; }
    }

    private sealed record WavedEvent(string RoomId, long Seq, string To) : ServerEvent(DeliveryClass.Durable);

    private sealed record WaveSentEvent(string? Ref, long Seq) : ServerEvent(DeliveryClass.Control);

    private sealed class WaveVerb(SubmitBatcher batcher) : RoomVerb<WaveCommand>(batcher)
    {
        public override EntryKind Entries { get; } = new(RoomEvent.BodyOneofCase.Extension, "demo.wave");

        public override ServerEvent Show(string roomId, string epoch, RoomEvent entry) => new WavedEvent(roomId, entry.Seq, entry.Extension.Body.ToStringUtf8());

        protected override Refusal? Fill(WaveCommand command, Command submitted)
        {
            submitted.Extension = new Contracts.Extension { Verb = "demo.wave", Body = ByteString.CopyFromUtf8(command.To ?? "") };
            return command.To is null ? new Refusal { Code = ErrorCode.InvalidMessage } : null;
        }

        protected override ServerEvent Tell(WaveCommand command, VerbOutcome outcome) => new WaveSentEvent(command.Ref, outcome.Seq);
    }
}
