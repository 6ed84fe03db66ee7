using Tertulia.Contracts;
using Tertulia.Messages.Storage;
using Tertulia.Messages.Verbs;

namespace Tertulia.Messages.Tests.Verbs;

/// <summary>A verb that the service has never heard of is one class and one line, and has all that messages have.</summary>
public sealed class VerbTests : IAsyncLifetime
{
    private readonly Backbone _backbone = new();
    private MessageReplica _replica = null!;
    private TestNode _node = null!;

    public async Task InitializeAsync()
    {
        await StartAsync();
        _node = await _backbone.NodeAsync("node-1");
        await _node.AskAsync(Commands.Join("lobby", "ana"));
    }

    public async Task DisposeAsync()
    {
        await _node.DisposeAsync();
        await _replica.DisposeAsync();
        await _backbone.DisposeAsync();
    }

    [Fact]
    public async Task Its_entry_takes_the_rooms_next_seq_and_names_the_command_that_caused_it()
    {
        var pin = Pin("first m1");
        await _node.SubmitAsync(Commands.Send("lobby", "ana", "hola"), pin, Commands.Send("lobby", "ana", "after"));

        var events = await _node.EventsAsync("lobby", 3, 5);

        var entry = events[1];
        Assert.Equal((PinVerb.Name, "first m1", "ana"), (entry.Extension.Verb, entry.Extension.Body.ToStringUtf8(), entry.UserId));
        Assert.Equal(("node-1", pin.CommandId), (entry.OriginNodeId, entry.CommandId));
        var stored = await _replica.Store.ReadEventsAsync("lobby", 4, 4, ReadLimit.Of(1), CancellationToken.None);
        Assert.Equal("first m1", Assert.Single(stored!.Events).Extension.Body.ToStringUtf8());
    }

    [Fact]
    public async Task A_second_attempt_is_answered_as_a_duplicate_from_memory()
    {
        await _node.SubmitAsync(Pin("first m1"));
        await _node.EventsAsync("lobby", 3, 3);

        var again = await _node.AskAsync(Pin("second m1"));

        Assert.Equal((3L, "m1", true), (again.Stored.Seq, again.Stored.ClientMsgId, again.Stored.Duplicate));
    }

    [Fact]
    public async Task A_second_attempt_that_only_the_store_remembers_is_found_by_the_conflict()
    {
        await _node.SubmitAsync(Pin("first m1"));
        await _node.EventsAsync("lobby", 3, 3);
        await _replica.DisposeAsync();
        await StartAsync();

        var again = await _node.AskAsync(Pin("second m1"));

        Assert.Equal((3L, true), (again.Stored.Seq, again.Stored.Duplicate));
    }

    [Fact]
    public async Task The_same_command_again_is_published_again_with_the_same_seq()
    {
        var pin = Pin("first m1");
        await _node.SubmitAsync(pin);
        await _node.EventsAsync("lobby", 3, 3);
        var before = _node.EventsReceived;

        await _node.SubmitAsync(pin);
        await _node.SubmitAsync(Commands.Send("lobby", "ana", "after"));

        await _node.EventsAsync("lobby", 4, 4);
        Assert.Equal(before + 2, _node.EventsReceived);
    }

    [Fact]
    public async Task A_node_that_does_not_hold_the_room_is_answered_by_a_reply()
    {
        await using var other = await _backbone.NodeAsync("node-2");

        var reply = await other.AskAsync(Pin("first m1"));

        Assert.Equal((3L, "m1", false), (reply.Stored.Seq, reply.Stored.ClientMsgId, reply.Stored.Duplicate));
    }

    [Fact]
    public async Task It_asks_who_may_do_it()
    {
        var refused = await _node.AskAsync(Commands.Extension("lobby", "bruno", PinVerb.Name, "first m1"));
        var unnamed = await _node.AskAsync(Commands.Extension("lobby", "", PinVerb.Name, "first m1"));

        Assert.Equal(ErrorCode.NotMember, refused.Refused.Code);
        Assert.Equal(ErrorCode.BadRequest, unnamed.Refused.Code);
    }

    [Fact]
    public async Task A_name_that_is_not_registered_is_unknown()
    {
        var refused = await _node.AskAsync(Commands.Extension("lobby", "ana", "test.unpin", "first m1"));

        Assert.Equal(ErrorCode.UnknownType, refused.Refused.Code);
    }

    [Fact]
    public void Two_verbs_are_not_carried_the_same_way()
    {
        Assert.Throws<InvalidOperationException>(() => new VerbRegistry([new PinVerb(), new PinVerb()]));
        Assert.Throws<InvalidOperationException>(() => new VerbRegistry([Deciding.Sends, Deciding.Sends]));
    }

    private static Command Pin(string body) => Commands.Extension("lobby", "ana", PinVerb.Name, body);

    private async Task StartAsync() => _replica = await MessageReplica.StartAsync(_backbone, services: services => services.AddVerb<PinVerb>());
}
