using System.Collections.Concurrent;
using System.Text;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Time.Testing;
using Tertulia.Contracts;
using Tertulia.Messages.Privacy;
using Tertulia.Messages.Storage;
using Tertulia.Testing;

namespace Tertulia.Messages.Tests.Privacy;

/// <summary>What the rooms know of a user is handed out, and deleted: by entries, so that clients see it, and from the log, whoever dies in between.</summary>
public sealed class ErasureTests : IAsyncLifetime
{
    private const string Bruno = "bruno";

    private readonly Backbone _backbone = new();
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);
    private readonly Presence _presence = new();
    private MessageReplica _replica = null!;
    private TestNode _node = null!;
    private Command _first = null!;

    private PrivacyGrpc Grpc => ActivatorUtilities.CreateInstance<PrivacyGrpc>(_replica.Services);

    public async Task InitializeAsync()
    {
        _replica = await StartAsync();
        _node = await _backbone.NodeAsync("node-1");
        await _node.AskAsync(Commands.Join("lobby", "ana"));
        await _node.AskAsync(Commands.Join("lobby", Bruno));
        _first = Commands.Send("lobby", Bruno, "first secret", "k4");
        var hers = Commands.Send("lobby", "ana", "hers");
        await SayAsync("lobby", 4, _first);
        await SayAsync("lobby", 5, hers);
        await SayAsync("lobby", 6, Commands.Edit("lobby", Bruno, _first.Send.MessageId, "second secret"));
        await SayAsync("lobby", 7, Commands.Reply("lobby", "ana", "her answer", _first.Send.MessageId));
        await SayAsync("lobby", 8, Commands.React("lobby", Bruno, hers.Send.MessageId, "👍"));
        await SayAsync("lobby", 9, Commands.Report("lobby", Bruno, hers.Send.MessageId));
        await _node.AskAsync(Commands.Join("garden", Bruno));
        await SayAsync("garden", 3, Commands.Send("garden", Bruno, "garden secret"));
        await _node.AskAsync(Commands.Join("elsewhere", "ana"));
    }

    public async Task DisposeAsync()
    {
        await _node.DisposeAsync();
        await _replica.DisposeAsync();
        await _backbone.DisposeAsync();
    }

    [Fact]
    public async Task Everything_is_handed_out_room_by_room()
    {
        var items = new List<ExportedItem>();
        for (var after = ""; ;)
        {
            var page = await Grpc.ExportUser(new ExportUserRequest { UserId = Bruno, After = after }, new NoCall());
            items.AddRange(page.Items);
            after = page.Next;
            if (after.Length == 0)
            {
                break;
            }
        }

        Assert.Equal([("garden", "owner"), ("lobby", "member")], items.Where(item => item.Place is not null).Select(item => (item.RoomId, item.Place.Member.Role)));
        Assert.Equal(["garden secret", "second secret"], items.Where(item => item.Message is not null).Select(item => item.Message.Content));
        Assert.Equal(["👍"], items.Where(item => item.Entry?.Reaction is not null).Select(item => item.Entry.Reaction.Emoji));
        Assert.Single(items, item => item.Entry?.Reported is not null);
    }

    [Fact]
    public async Task Messages_become_tombstones_memberships_end_and_the_log_holds_neither_text_nor_name()
    {
        await EraseAsync();
        await Eventually.EqualsAsync(1, async () =>
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            return (await Grpc.ListErasures(new ListErasuresRequest(), new NoCall())).UserIds.Count;
        });

        var entries = await _node.EventsAsync("lobby", 10, 11);
        Assert.Equal((_first.Send.MessageId, Bruno, "root"), (entries[0].Deleted.MessageId, entries[0].Deleted.AuthorId, entries[0].UserId));
        Assert.Equal((Bruno, "", 1u, true), (entries[1].Member.UserId, entries[1].Member.Role, entries[1].Member.Members, entries[1].Member.Erased));
        var said = await SaidAsync();
        foreach (var gone in (string[])["secret", "BRUNO", "because"])
        {
            Assert.DoesNotContain(gone, said, StringComparison.Ordinal);
        }

        Assert.Contains("her answer", said, StringComparison.Ordinal);
        Assert.Equal(Enumerable.Range(1, 11).Select(seq => (long)seq), (await LogAsync("lobby")).Select(entry => entry.Seq));
        var tombstone = Assert.Single(await _replica.Store.FindMessagesAsync([_first.Send.MessageId], default)).Message;
        Assert.Equal(("", "", true), (tombstone.Content, tombstone.Username, tombstone.DeletedAtMs > 0));
        Assert.Empty((await _replica.Store.ListRoomsAsync(Bruno, "", 10, default)).Rooms);

        await Grpc.ConfirmErasure(new ConfirmErasureRequest { UserId = Bruno }, new NoCall());
        await DoneAsync();
        Assert.Equal([Bruno], _presence.Forgotten.Distinct());
        var records = await _replica.Get<IAuditLog>().ReadAsync(new AuditFilter("root", "", "", Bruno), long.MaxValue, "", 20, default);
        Assert.Contains("user_deleted", records.Select(record => record.Action));
        Assert.Contains("user_revoked", records.Select(record => record.Action));
    }

    [Fact]
    public async Task A_replica_that_dies_leaves_the_rest_to_the_next_one_and_asking_twice_is_asking_once()
    {
        var first = await EraseAsync();
        var second = await EraseAsync();
        Assert.Equal(first, second);
        await _replica.DisposeAsync();

        _replica = await StartAsync();
        _time.Advance(TimeSpan.FromSeconds(6));
        await Eventually.EqualsAsync(1, async () =>
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            return (await Grpc.ListErasures(new ListErasuresRequest(), new NoCall())).UserIds.Count;
        });
        await Grpc.ConfirmErasure(new ConfirmErasureRequest { UserId = Bruno }, new NoCall());
        await DoneAsync();

        Assert.DoesNotContain("secret", await SaidAsync(), StringComparison.Ordinal);
        Assert.Equal("running", (await EraseAsync()).State); // The user may have come back: it begins anew.
    }

    [Fact]
    public async Task A_stop_while_presence_is_asked_is_no_failure()
    {
        _presence.Hangs = true;
        await EraseAsync();
        await Eventually.HoldsAsync(
            () =>
            {
                _time.Advance(TimeSpan.FromSeconds(1));
                return !_presence.Forgotten.IsEmpty;
            },
            "presence is asked");
        var job = _replica.Services.GetServices<IHostedService>().OfType<ErasureJob>().Single();

        await _replica.DisposeAsync();
        _presence.Hangs = false;
        _replica = await StartAsync();

        Assert.Equal(TaskStatus.RanToCompletion, job.ExecuteTask!.Status);
    }

    [Fact]
    public async Task Messages_may_stay_without_the_name()
    {
        await EraseAsync(keeps: true);
        await Eventually.EqualsAsync(1, async () =>
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            return (await Grpc.ListErasures(new ListErasuresRequest(), new NoCall())).UserIds.Count;
        });

        var said = await SaidAsync();
        Assert.Contains("garden secret", said, StringComparison.Ordinal);
        Assert.DoesNotContain("BRUNO", said, StringComparison.Ordinal);
        var message = Assert.Single(await _replica.Store.FindMessagesAsync([_first.Send.MessageId], default)).Message;
        Assert.Equal(("second secret", ""), (message.Content, message.Username));
    }

    [Fact]
    public async Task A_node_cannot_ask_for_it()
    {
        var command = Commands.Send("lobby", "root", "x");
        (command.Actor.Role, command.EraseUser) = ("service", new EraseUser { UserId = Bruno, Leaves = true });

        Assert.Equal(ErrorCode.Forbidden, (await _node.AskAsync(command)).Refused.Code);
    }

    private Task<MessageReplica> StartAsync() => MessageReplica.StartAsync(
        _backbone, _time, services: services => services.AddSingleton(new PresenceService.PresenceServiceClient(_presence)));

    private Task<UserErasure> EraseAsync(bool keeps = false) => Grpc.EraseUser(
        new EraseUserRequest
        {
            Actor = Commands.User("root", "admin"), UserId = Bruno, KeepsMessages = keeps, RevokeUntilMs = _time.GetUtcNow().AddDays(1).ToUnixTimeMilliseconds(),
        },
        new NoCall());

    private Task DoneAsync() => Eventually.EqualsAsync("done", async () =>
    {
        _time.Advance(TimeSpan.FromSeconds(1));
        return (await Grpc.GetErasure(new GetErasureRequest { UserId = Bruno }, new NoCall())).State;
    });

    private async Task SayAsync(string roomId, long seq, Command command)
    {
        await _node.SubmitAsync(command);
        await _node.EventsAsync(roomId, seq, seq);
    }

    private async Task<List<RoomEvent>> LogAsync(string roomId) =>
        (await _replica.Store.ReadEventsAsync(roomId, 1, long.MaxValue, ReadLimit.Of(1_000), default))!.Events;

    private async Task<string> SaidAsync() =>
        Encoding.UTF8.GetString((await LogAsync("lobby")).Concat(await LogAsync("garden")).SelectMany(entry => entry.ToByteArray()).ToArray());

    /// <summary>A presence service that only forgets.</summary>
    private sealed class Presence : CallInvoker
    {
        public ConcurrentQueue<string> Forgotten { get; } = [];

        /// <summary>It does not answer before its caller gives up.</summary>
        public bool Hangs { get; set; }

        public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
        {
            if (request is not ForgetUserRequest forget)
            {
                throw new RpcException(new Status(StatusCode.Unavailable, "away"));
            }

            Forgotten.Enqueue(forget.UserId);
            return new((Task<TResponse>)(object)AnswerAsync(options.CancellationToken), Task.FromResult(new Metadata()), () => Status.DefaultSuccess, () => [], () => { });
        }

        private async Task<ForgetUserReply> AnswerAsync(CancellationToken cancellationToken)
        {
            if (Hangs)
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                throw new RpcException(new Status(StatusCode.Cancelled, "Call canceled by the client."));
            }

            return new ForgetUserReply();
        }

        public override TResponse BlockingUnaryCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
            throw new NotSupportedException();

        public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) => throw new NotSupportedException();

        public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options) => throw new NotSupportedException();

        public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options) => throw new NotSupportedException();
    }
}
