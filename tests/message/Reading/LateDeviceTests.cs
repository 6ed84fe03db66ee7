using System.Collections.Concurrent;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Tertulia.Contracts;

namespace Tertulia.Messages.Tests.Reading;

/// <summary>A device that connects in the very moment in which another device of its user reads.</summary>
public sealed class LateDeviceTests : IAsyncLifetime
{
    private readonly Backbone _backbone = new();
    private readonly Located _presence = new();
    private MessageReplica _replica = null!;
    private TestNode _node = null!;

    public async Task InitializeAsync()
    {
        _replica = await MessageReplica.StartAsync(
            _backbone, services: services => services.AddSingleton(new PresenceService.PresenceServiceClient(_presence)));
        _node = await _backbone.NodeAsync("node-1");
        await _node.AskAsync(Commands.Join("lobby", "ana"));
        await _node.AskAsync(Commands.Join("lobby", "bruno"));
        await _node.SubmitAsync([.. Enumerable.Range(1, 5).Select(i => Commands.Send("lobby", "ana", $"m{i}"))]);
        await _node.EventsAsync("lobby", 4, 8);
    }

    public async Task DisposeAsync()
    {
        await _node.DisposeAsync();
        await _replica.DisposeAsync();
        await _backbone.DisposeAsync();
    }

    [Fact]
    public async Task Is_told_the_newest_mark_when_presence_knows_it_and_no_other_node_is_told_twice()
    {
        await using var late = await _backbone.NodeAsync("node-2");
        _presence.Nodes["bruno"] = ["node-1"];
        await _node.AskAsync(Commands.Read("lobby", "bruno", 5));
        Assert.Equal(5, (await _node.UserEventAsync(UserEvent.BodyOneofCase.Unread)).Unread.Mark.ReadSeq);
        await _node.AskAsync(Commands.Read("lobby", "bruno", 6));
        Assert.Equal(6, (await _node.UserEventAsync(UserEvent.BodyOneofCase.Unread)).Unread.Mark.ReadSeq);

        _presence.Nodes["bruno"] = ["node-1", "node-2"];

        var told = await late.UserEventAsync(UserEvent.BodyOneofCase.Unread);
        Assert.Equal(("bruno", "lobby", 6L, 2L), (told.UserId, told.Unread.RoomId, told.Unread.Mark.ReadSeq, told.Unread.Mark.Unread));
        await _node.AskAsync(Commands.Read("lobby", "bruno", 7));
        Assert.Equal(7, (await _node.UserEventAsync(UserEvent.BodyOneofCase.Unread)).Unread.Mark.ReadSeq); // And not 6 once more.
        Assert.Equal(7, (await late.UserEventAsync(UserEvent.BodyOneofCase.Unread)).Unread.Mark.ReadSeq);
    }

    [Fact]
    public async Task A_user_who_stays_where_it_was_costs_one_more_question_and_no_message()
    {
        _presence.Nodes["bruno"] = ["node-1"];
        await _node.AskAsync(Commands.Read("lobby", "bruno", 5));
        await _node.UserEventAsync(UserEvent.BodyOneofCase.Unread);

        await Testing.Eventually.HoldsAsync(() => _presence.Asked.Count == 2, "the user is looked for once more");
        await _node.AskAsync(Commands.Read("lobby", "bruno", 6));

        Assert.Equal(6, (await _node.UserEventAsync(UserEvent.BodyOneofCase.Unread)).Unread.Mark.ReadSeq);
        Assert.All(_presence.Asked, asked => Assert.Equal(["bruno"], asked));
    }

    /// <summary>Presence as a test wants it.</summary>
    private sealed class Located : CallInvoker
    {
        public ConcurrentDictionary<string, string[]> Nodes { get; } = new(StringComparer.Ordinal);

        public ConcurrentQueue<string[]> Asked { get; } = [];

        public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
        {
            var asked = (LocateUsersRequest)(object)request;
            Asked.Enqueue([.. asked.UserIds]);
            var reply = new LocateUsersReply { Users = { asked.UserIds.Where(Nodes.ContainsKey).Select(id => new UserNodes { UserId = id, NodeIds = { Nodes[id] } }) } };
            return new((Task<TResponse>)(object)Task.FromResult(reply), Task.FromResult(new Metadata()), () => Status.DefaultSuccess, () => [], () => { });
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
