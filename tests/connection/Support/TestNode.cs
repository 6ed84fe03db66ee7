using System.Collections.Concurrent;
using System.Threading.Channels;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Time.Testing;
using Tertulia.Bus;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Watching;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Support;

/// <summary>A connection service without its doors: on the bus of the process, in time that a test lets pass, with a test in the place of the other services.</summary>
internal sealed class TestNode : IAsyncDisposable
{
    public const string Epoch = "e1";

    /// <summary>Signs tokens (HS256).</summary>
    public const string Secret = "a secret of thirty-two bytes or more";

    /// <summary>The message replica that a test plays. It owns all partitions under epoch 1.</summary>
    public const string Replica = "message-1";

    private readonly IHost _host;
    private readonly Channel<Command> _commands = Channel.CreateUnbounded<Command>();
    private readonly Channel<PresenceReport> _reports = Channel.CreateUnbounded<PresenceReport>();
    private readonly List<IAsyncDisposable> _receptions = [];
    private readonly List<TestClient> _clients = [];

    private TestNode(IHost host, FakeTimeProvider time, ScriptedCalls calls)
    {
        (_host, Time, Calls) = (host, time, calls);
        Queue = (HeldQueue)Of<ISubmitQueue>();
    }

    public FakeTimeProvider Time { get; }

    public ScriptedCalls Calls { get; }

    public HeldQueue Queue { get; }

    /// <summary>What reached the replica, as it came.</summary>
    public ConcurrentQueue<SubmitBatch> Batches { get; } = [];

    public ILiveBus Bus => Of<ILiveBus>();

    public string Id => Of<ProcessIdentity>().Id;

    public RoomHub Hub => Of<RoomHub>();

    /// <summary>What the node reported to the presence replicas.</summary>
    public ChannelReader<PresenceReport> Reports => _reports.Reader;

    public T Of<T>()
        where T : notnull => _host.Services.GetRequiredService<T>();

    public static Task<TestNode> StartAsync(params (string Key, string Value)[] settings) => StartAsync(_ => { }, settings);

    /// <param name="configure">Registers what the test adds.</param>
    /// <param name="settings">Configuration.</param>
    public static async Task<TestNode> StartAsync(Action<IServiceCollection> configure, params (string Key, string Value)[] settings)
    {
        var time = new FakeTimeProvider();
        var calls = new ScriptedCalls();
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(
        [
            new("Bus:Kind", "InProcess"),
            new("Auth:Secret", Secret),
            .. settings.Select(setting => new KeyValuePair<string, string?>(setting.Key, setting.Value)),
        ]);
        builder.Services.AddLogging();
        builder.Services.AddSingleton<TimeProvider>(time);
        builder.Services.AddSingleton(new ProcessIdentity("connection"));
        builder.Services.AddSingleton<Readiness>();
        builder.Services.AddOptions<DrainOptions>();
        builder.Services.AddLiveBus().AddConnectionService();
        configure(builder.Services);
        builder.Services.AddSingleton(new MessageService.MessageServiceClient(calls));
        builder.Services.AddSingleton(new SecurityService.SecurityServiceClient(calls));
        builder.Services.AddSingleton(new PrivacyService.PrivacyServiceClient(calls));
        builder.Services.AddSingleton(new RequestService.RequestServiceClient(calls));
        builder.Services.AddSingleton(new PresenceService.PresenceServiceClient(calls));
        builder.Services.AddSingleton(new NotificationService.NotificationServiceClient(calls));
        var inner = builder.Services.Last(service => service.ServiceType == typeof(ISubmitQueue));
        builder.Services.AddSingleton<ISubmitQueue>(provider => new HeldQueue((ISubmitQueue)inner.ImplementationFactory!(provider)));

        var node = new TestNode(builder.Build(), time, calls);
        await node.ReceiveAsync();
        await node._host.StartAsync();
        await Eventually.HoldsAsync(() => node.Of<NodeInbox>().IsReceiving, "the node receives");
        await node.OwnAsync(1);
        calls.On<ListRoomsRequest, ListRoomsReply>("ListRooms", _ => new ListRoomsReply());
        calls.On<GetRoomRequest, RoomPresence>("GetRoom", request => new RoomPresence
        {
            RoomId = request.RoomId, Chosen = new ChosenStatus { UserId = request.UserId, Status = "online" },
        });
        calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", _ => new Snapshot { Epoch = Epoch });
        return node;
    }

    /// <summary>The next command that reached a partition.</summary>
    public async Task<Command> CommandAsync(Command.BodyOneofCase body)
    {
        var command = await Eventually.CompletesAsync(_commands.Reader.ReadAsync().AsTask(), $"a command {body} reaches its partition");
        Assert.Equal(body, command.BodyCase);
        return command;
    }

    public bool TryReadCommand(out Command? command) => _commands.Reader.TryRead(out command);

    /// <summary>A message replica says that it owns all partitions.</summary>
    public Task OwnAsync(long epoch, string replicaId = Replica)
    {
        var batch = new NodeBatch { From = replicaId };
        batch.Owners.AddRange(Enumerable.Range(0, Contracts.Partitioner.DefaultPartitions).Select(
            partition => new PartitionOwner { Partition = (uint)partition, OwnerEpoch = epoch }));
        return TellAsync(batch);
    }

    /// <summary>Sends the node a batch through the bus.</summary>
    public async Task TellAsync(NodeBatch batch) =>
        Assert.Empty(await Bus.SendToNodesAsync([new NodeSend(Id, batch)], CancellationToken.None));

    public Task TellEventsAsync(string roomId, params RoomEvent[] events) => TellAsync(new NodeBatch { Rooms = { Entries(roomId, events) } });

    public Task ReplyAsync(Command command, Action<CommandReply> outcome)
    {
        var reply = new CommandReply { CommandId = command.CommandId, RoomId = command.RoomId };
        outcome(reply);
        return TellAsync(new NodeBatch { Replies = { reply } });
    }

    /// <summary>Answers a join.</summary>
    public Task AdmitAsync(Command join, long seq, long ownerEpoch = 1) => ReplyAsync(join, reply =>
        reply.Joined = new Joined { Epoch = Epoch, Seq = seq, OwnerEpoch = ownerEpoch, Members = 1, Role = "member" });

    public static RoomEvents Entries(string roomId, params RoomEvent[] events) => new() { RoomId = roomId, Epoch = Epoch, Events = { events } };

    /// <summary>A message in the log; its content is <c>m</c> and the seq.</summary>
    public static RoomEvent Message(long seq, string userId = "zoe", string? content = null) => new()
    {
        Seq = seq,
        UserId = userId,
        Username = userId,
        CreatedAtMs = 1_900_000_000_000,
        Message = new MessageCreated { MessageId = $"id-{seq}", Content = content ?? $"m{seq}" },
    };

    /// <summary>The entry that a client's command becomes.</summary>
    public RoomEvent Stored(Command send, long seq) => new()
    {
        Seq = seq,
        UserId = send.Actor.UserId,
        Username = send.Actor.Username,
        CreatedAtMs = 1_900_000_000_000,
        OriginNodeId = Id,
        CommandId = send.CommandId,
        Message = new MessageCreated { MessageId = send.Send.MessageId, ClientMsgId = send.Send.ClientMsgId, Content = send.Send.Content },
    };

    public TestClient NewClient(SessionOpening opening, OutboxOptions? options = null)
    {
        var client = new TestClient(Of<ISessionFlow>(), opening, Time, options, Of<NativeFormat>());
        _clients.Add(client);
        return client;
    }

    /// <summary>A client on <c>/ws</c>, greeted.</summary>
    /// <param name="userId">Whose.</param>
    /// <param name="options">Of its outbox.</param>
    /// <param name="isKnown">Presence has said that the user has chosen nothing.</param>
    public async Task<TestClient> ConnectAsync(string userId, OutboxOptions? options = null, bool isKnown = true)
    {
        var client = NewClient(new SessionOpening(TestClient.User(userId), null, null, null, null), options);
        await client.OpenAsync();
        await client.NextAsync("connected", "the greeting");
        if (isKnown)
        {
            Of<PresenceFlow>().OnChosen(new ChosenStatus { UserId = userId, Status = "online" });
        }

        return client;
    }

    /// <summary>A client on <c>/ws</c> that is in a room whose last seq is <paramref name="seq"/>.</summary>
    public async Task<TestClient> JoinedAsync(string userId, string roomId, long seq, OutboxOptions? options = null, bool isKnown = true)
    {
        var client = await ConnectAsync(userId, options, isKnown);
        Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", _ => new Snapshot { Epoch = Epoch, Seq = seq });
        await client.JoinAsync(roomId);
        await AdmitAsync(await CommandAsync(Command.BodyOneofCase.Join), seq);
        await client.NextAsync("joined", $"{userId} joins");
        await Eventually.CompletesAsync(client.Session.Calls.WhenIdleAsync(), "the join is over"); // It was written before its task ended.
        return client;
    }

    /// <summary>Everything that was sent to the node before has been handled.</summary>
    public async Task SettledAsync()
    {
        // The inbox handles one batch after the other: when the topology of this one is known, all before it are done.
        var room = Hub.Enter(new TestClient(Of<ISessionFlow>(), new SessionOpening(null, null, null, null, null), Time).Session, "settled", "nobody").Room;
        var mark = Guid.NewGuid().ToString();
        await TellAsync(new NodeBatch { Topologies = { new RoomTopology { RoomId = "settled", NodeIds = { mark } } } });
        await Eventually.HoldsAsync(() => room.OtherNodes.Contains(mark), "the node has handled what it was sent");
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var client in _clients)
        {
            await client.GoAsync();
        }

        await _host.StopAsync();
        foreach (var reception in _receptions)
        {
            await reception.DisposeAsync();
        }

        _host.Dispose();
    }

    private async Task ReceiveAsync()
    {
        _receptions.Add(await Queue.ReceiveAsync(Replica, async batch =>
        {
            Batches.Enqueue(batch);
            foreach (var command in batch.Commands)
            {
                await _commands.Writer.WriteAsync(command);
            }
        }, () => ValueTask.CompletedTask, CancellationToken.None));
        _receptions.Add(await Bus.ReceivePresenceAsync("test", report => _reports.Writer.WriteAsync(report), () => ValueTask.CompletedTask, CancellationToken.None));
    }
}
