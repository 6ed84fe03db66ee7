using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.History;
using Tertulia.Messages.Searching;
using Tertulia.Testing;

namespace Tertulia.Messages.Tests.Searching;

/// <summary>From a message that is written to the search that finds it, in the rooms that the caller may read.</summary>
public sealed class MessageSearchTests : IAsyncLifetime
{
    private readonly Backbone _backbone = new();
    private MessageReplica _replica = null!;
    private TestNode _node = null!;

    public async Task InitializeAsync()
    {
        _replica = await MessageReplica.StartAsync(_backbone);
        _node = await _backbone.NodeAsync("node-1");
        await _node.AskAsync(Commands.Join("lobby", "ana"));
        await _node.AskAsync(Commands.Join("lobby", "bruno"));
        await _node.AskAsync(Commands.Join("garden", "ana"));
    }

    public async Task DisposeAsync()
    {
        await _node.DisposeAsync();
        await _replica.DisposeAsync();
        await _backbone.DisposeAsync();
    }

    [Fact]
    public async Task What_is_written_is_found_only_in_rooms_that_the_caller_may_read()
    {
        await SayAsync("lobby", "una canción", 4);
        await SayAsync("garden", "otra canción", 3);

        await FoundAsync("ana", "cancion", "otra canción", "una canción");
        await FoundAsync("bruno", "cancion", "una canción");
        Assert.Empty((await SearchAsync(new SearchRequest { Actor = Commands.User("zoe"), Query = "cancion" })).Items);
        Assert.Equal(ErrorCode.NotMember, await RefusalAsync(new SearchRequest { Actor = Commands.User("bruno"), Query = "cancion", RoomId = "garden" }));
        Assert.Equal(ErrorCode.NotMember, await RefusalAsync(new SearchRequest { Actor = Commands.User("bruno"), Query = "cancion in:garden" }));
        Assert.Equal(ErrorCode.RoomNotFound, await RefusalAsync(new SearchRequest { Actor = Commands.User("bruno"), Query = "cancion in:nowhere" }));
        var scope = new RoomScope { Patterns = { "gar*", "nowhere" } };
        Assert.Equal("otra canción", Assert.Single((await SearchAsync(new SearchRequest { Actor = Commands.User("ana"), Query = "cancion", Scope = scope })).Items).Message.Content);
        Assert.Equal(ErrorCode.Forbidden, await RefusalAsync(new SearchRequest { Actor = Commands.User("ana"), Query = "cancion in:lobby", Scope = scope }));
        Assert.Empty((await SearchAsync(new SearchRequest { Actor = Commands.User("ana"), Query = "after:9999-12-31" })).Items); // The last day that there is.
        var reader = Commands.User("zoe", grant: new Grant { Read = true });
        Assert.Single((await SearchAsync(new SearchRequest { Actor = reader, Query = "cancion", RoomId = "garden" })).Items);
    }

    [Fact]
    public async Task Edits_and_deletions_are_followed_and_a_deleted_message_is_never_shown()
    {
        var said = Commands.Send("lobby", "ana", "perro");
        await _node.SubmitAsync(said);
        await _node.EventsAsync("lobby", 4, 4);
        await FoundAsync("ana", "perro", "perro");

        await _node.SubmitAsync(Commands.Edit("lobby", "ana", said.Send.MessageId, "gato"));
        await _node.EventsAsync("lobby", 5, 5);
        await FoundAsync("ana", "gato", "gato");
        await FoundAsync("ana", "perro");

        await _node.SubmitAsync(Commands.Delete("lobby", "ana", said.Send.MessageId));
        await _node.EventsAsync("lobby", 6, 6);
        Assert.Empty((await SearchAsync(new SearchRequest { Actor = Commands.User("ana"), Query = "gato" })).Items); // At once: the store is asked.
    }

    [Fact]
    public async Task Pages_go_on_where_the_one_before_ended()
    {
        for (var i = 0; i < 7; i++)
        {
            await SayAsync("lobby", $"igual {i}", 4 + i);
        }

        await FoundAsync("ana", "igual 6", "igual 6");
        var request = new SearchRequest { Actor = Commands.User("ana"), Query = "igual", Limit = 3 };
        List<string> found = [];
        SearchReply page;
        do
        {
            page = await SearchAsync(request);
            found.AddRange(page.Items.Select(item => item.Message.Content));
            request.Before = page.Next;
        }
        while (page.HasMore);

        Assert.Equal(Enumerable.Range(0, 7).Reverse().Select(i => $"igual {i}"), found);
        var before = await SearchAsync(new SearchRequest { Actor = Commands.User("ana"), Query = "igual", RoomId = "lobby", BeforeSeq = 6 });
        Assert.Equal(["igual 1", "igual 0"], before.Items.Select(item => item.Message.Content));
    }

    [Fact]
    public async Task What_cannot_be_looked_for_is_refused()
    {
        foreach (var query in (string[])["", "   ", "?!", new string('x', 257), string.Join(' ', Enumerable.Range(0, 17)), "a\0b"])
        {
            Assert.Equal(ErrorCode.BadRequest, await RefusalAsync(new SearchRequest { Actor = Commands.User("ana"), Query = query }));
        }

        Assert.Equal(ErrorCode.BadRequest, await RefusalAsync(new SearchRequest { Actor = Commands.User("ana"), Query = "x", Limit = 101 }));
        Assert.Equal(ErrorCode.BadRequest, await RefusalAsync(new SearchRequest { Actor = Commands.User("ana"), Query = "x", BeforeSeq = -1 }));
    }

    [Fact]
    public async Task An_index_that_was_emptied_is_made_anew()
    {
        await SayAsync("lobby", "siempre", 4);
        await FoundAsync("ana", "siempre", "siempre");

        await _replica.Get<ISearchIndex>().ClearAsync(CancellationToken.None);
        await SayAsync("lobby", "otra vez siempre", 5);

        await FoundAsync("ana", "siempre", "otra vez siempre", "siempre");
    }

    private async Task SayAsync(string roomId, string content, long seq)
    {
        await _node.SubmitAsync(Commands.Send(roomId, "ana", content));
        await _node.EventsAsync(roomId, seq, seq);
    }

    private Task FoundAsync(string userId, string query, params string[] contents) => Eventually.EqualsAsync(
        string.Join('|', contents),
        async () => string.Join('|', (await SearchAsync(new SearchRequest { Actor = Commands.User(userId), Query = query })).Items.Select(item => item.Message.Content)));

    private Task<SearchReply> SearchAsync(SearchRequest request)
    {
        request.Limit = request.Limit == 0 ? 20 : request.Limit;
        return _replica.Get<MessageSearch>().FindAsync(request, CancellationToken.None);
    }

    private async Task<ErrorCode> RefusalAsync(SearchRequest request) =>
        RpcErrors.ToRefusal(await Assert.ThrowsAsync<Grpc.Core.RpcException>(() => SearchAsync(request))).Code;
}
