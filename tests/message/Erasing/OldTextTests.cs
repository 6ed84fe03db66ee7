using System.Text;
using Google.Protobuf;
using Tertulia.Contracts;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Tests.Erasing;

/// <summary>What a message said before it was edited or deleted is nowhere in the store, from the very entry on that did it.</summary>
public sealed class OldTextTests : IAsyncLifetime
{
    private readonly Backbone _backbone = new();
    private MessageReplica _replica = null!;
    private TestNode _node = null!;

    public async Task InitializeAsync()
    {
        _replica = await MessageReplica.StartAsync(_backbone);
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
    public async Task Of_an_edited_message_the_log_holds_the_present_text_alone()
    {
        var said = await SayAsync("first secret", seq: 3);
        await _node.SubmitAsync(Commands.Edit("lobby", "ana", said.Send.MessageId, "second secret"));
        await _node.EventsAsync("lobby", 4, 4);
        await _node.SubmitAsync(Commands.Edit("lobby", "ana", said.Send.MessageId, "third"));

        var edits = await _node.EventsAsync("lobby", 4, 5);

        Assert.Equal(["second secret", "third"], edits.Select(entry => entry.Edited.Content)); // Live it is told as it was.
        Assert.Equal(["third"], await TextsAsync());
        Assert.Equal("third", await PresentAsync(said));
        var duplicate = await _node.AskAsync(Commands.Send("lobby", "ana", "first secret", "key-3"));
        Assert.Equal((true, said.Send.MessageId, 3L), (duplicate.Stored.Duplicate, duplicate.Stored.MessageId, duplicate.Stored.Seq));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Of_a_deleted_message_the_log_holds_no_text(bool isEdited)
    {
        var said = await SayAsync("first secret", seq: 3);
        await SayAsync("stays", seq: 4);
        Command[] commands = isEdited
            ? [Commands.Edit("lobby", "ana", said.Send.MessageId, "second secret"), Commands.Edit("lobby", "ana", said.Send.MessageId, "third secret")]
            : [];
        await _node.SubmitAsync([.. commands, Commands.Delete("lobby", "ana", said.Send.MessageId)]); // All in one flush.

        await _node.EventsAsync("lobby", 5 + commands.Length, 5 + commands.Length);

        Assert.Equal(["stays"], await TextsAsync());
        Assert.Equal("", await PresentAsync(said));
        Assert.DoesNotContain("secret", Encoding.UTF8.GetString((await LogAsync()).SelectMany(entry => entry.ToByteArray()).ToArray()));
    }

    private async Task<Command> SayAsync(string content, long seq)
    {
        var said = Commands.Send("lobby", "ana", content, $"key-{seq}");
        await _node.SubmitAsync(said);
        await _node.EventsAsync("lobby", seq, seq);
        return said;
    }

    private async Task<List<RoomEvent>> LogAsync() =>
        (await _replica.Store.ReadEventsAsync("lobby", 1, long.MaxValue, ReadLimit.Of(100), CancellationToken.None))!.Events;

    private async Task<List<string>> TextsAsync() =>
        [.. (await LogAsync()).Select(entry => $"{entry.Message?.Content}{entry.Edited?.Content}").Where(text => text.Length > 0)];

    private async Task<string> PresentAsync(Command said) =>
        Assert.Single(await _replica.Store.FindMessagesAsync([said.Send.MessageId], CancellationToken.None)).Message.Content;
}
