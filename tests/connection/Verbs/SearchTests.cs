using System.Text;
using Grpc.Core;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;

namespace Tertulia.Connections.Tests.Verbs;

public sealed class SearchTests : IAsyncLifetime
{
    private TestNode _node = null!;

    public async Task InitializeAsync() => _node = await TestNode.StartAsync();

    public async Task DisposeAsync() => await _node.DisposeAsync();

    [Fact]
    public async Task What_is_found_is_told_with_its_rooms_and_where_to_go_on()
    {
        SearchRequest? asked = null;
        _node.Calls.On<SearchRequest, SearchReply>("Search", request =>
        {
            asked = request;
            return new SearchReply { Items = { Item("lobby", 7), Item("garden", 5) }, HasMore = true, Next = 1L << 60 };
        });
        var ana = await _node.ConnectAsync("ana");

        await ana.SendAsync(Read("""{"type":"search","ref":"s1","query":"canc* from:bruno","limit":2,"cursor":"1152921504606846999"}"""));

        var found = await ana.NextAsync("search", "what is found");
        Assert.Equal(("s1", true, "1152921504606846976"), (found.Ref, found.Flag("has_more"), found.Text("cursor")));
        Assert.Equal(["lobby 7", "garden 5"], found.Items("items").Select(item => $"{item.GetProperty("room_id").GetString()} {item.GetProperty("seq").GetInt64()}"));
        Assert.Equal(("ana", "canc* from:bruno", 2, 1_152_921_504_606_846_999L, ""), (asked!.Actor.UserId, asked.Query, asked.Limit, asked.Before, asked.RoomId));
    }

    [Fact]
    public async Task What_does_not_fit_into_a_frame_is_the_next_page()
    {
        var items = Enumerable.Range(1, 10).Select(seq => Item("lobby", seq, new string('x', 15_000))).ToArray();
        _node.Calls.On<SearchRequest, SearchReply>("Search", _ => new SearchReply { Items = { items } });
        var ana = await _node.ConnectAsync("ana");

        await ana.SendAsync(Read("""{"type":"search","ref":"s1","query":"x"}"""));

        var found = await ana.NextAsync("search", "what is found");
        Assert.InRange(Encoding.UTF8.GetByteCount(found.Raw), 1, 64 * 1024);
        Assert.Equal((4, true, "4"), (found.Items("items").Count, found.Flag("has_more"), found.Text("cursor")));
    }

    [Fact]
    public async Task A_token_that_grants_only_some_rooms_searches_only_these()
    {
        List<SearchRequest> asked = [];
        _node.Calls.On<SearchRequest, SearchReply>("Search", request =>
        {
            asked.Add(request);
            return new SearchReply();
        });
        var grants = Connections.Auth.RoomGrants.Parse(System.Text.Json.JsonDocument.Parse("""{"team-*":["read"],"team-2":[],"lobby":["write"],"yard":["read"]}""").RootElement);
        var ana = _node.NewClient(new SessionOpening(TestClient.User("ana") with { Grants = grants }, null, null, null, null));
        await ana.OpenAsync();
        await ana.NextAsync("connected", "the greeting");

        await ana.SendAsync(Read("""{"type":"search","query":"x"}"""));
        await ana.NextAsync("search", "what is found");
        await ana.SendAsync(Read("""{"type":"search","query":"x","room_id":"team-2"}"""));
        await ana.NextAsync("search", "what is found");

        Assert.Equal((new RoomScope { Patterns = { "yard", "team-*" } }, null), (asked[0].Scope, asked[0].Actor.Grant));
        Assert.Equal((null, new Grant { Read = true }), (asked[1].Scope, asked[1].Actor.Grant));
    }

    [Fact]
    public async Task A_refusal_is_told()
    {
        _node.Calls.On<SearchRequest, SearchReply>("Search", Task<SearchReply> (_) => throw Hosting.RpcErrors.Refuse(ErrorCode.NotMember));
        var ana = await _node.ConnectAsync("ana");

        await ana.SendAsync(Read("""{"type":"search","ref":"s1","query":"x","room_id":"lobby"}"""));

        var error = await ana.NextAsync("error", "the refusal");
        Assert.Equal((40302, "s1", "lobby"), (error.Code, error.Ref, error.Root.GetProperty("room_id").GetString()));
    }

    [Theory]
    [InlineData("""{"type":"search","query":7}""")]
    [InlineData("""{"type":"search","query":"x","limit":101}""")]
    [InlineData("""{"type":"search","query":"x","cursor":"-1"}""")]
    [InlineData("""{"type":"search","query":"x","cursor":"99999999999999999999"}""")]
    [InlineData("""{"type":"search","query":"x","before_seq":0}""")]
    public void A_bad_frame_is_refused(string frame) => Assert.Equal(ErrorCode.BadRequest, _node.Of<FrameReader>().Read(Encoding.UTF8.GetBytes(frame)).Error);

    [Fact]
    public async Task A_page_around_a_message_has_two_ends()
    {
        GetHistoryRequest? asked = null;
        _node.Calls.On<GetHistoryRequest, HistoryPage>("GetHistory", request =>
        {
            asked = request;
            return new HistoryPage { Messages = { Message(5), Message(6), Message(7) }, AroundSeq = 6, HasMoreBefore = true, HasMore = true };
        });
        var ana = await _node.ConnectAsync("ana");

        await ana.SendAsync(Read("""{"type":"history","ref":"h1","room_id":"lobby","around_message_id":"id-6","limit":3}"""));

        var page = await ana.NextAsync("history", "the page");
        Assert.Equal(("id-6", 3), (asked!.AroundMessageId, asked.Limit));
        Assert.Equal((3, true, true, false), (page.Items("items").Count, page.Flag("has_more"), page.Flag("has_more_before"), page.Flag("has_more_after")));
    }

    [Theory]
    [InlineData(5, 50_000, "3,4,5,6")]
    [InlineData(1, 50_000, "1,2,3,4")]
    [InlineData(9, 50_000, "6,7,8,9")]
    [InlineData(5, 1, "5")]
    public void Of_a_page_around_a_message_what_is_far_from_it_is_left_out(long around, int maxBytes, string seqs)
    {
        var page = new HistoryPage { AroundSeq = around, Messages = { Enumerable.Range(1, 9).Select(seq => Message(seq, new string('x', 12_000))) } };

        var fit = HistoryEvent.FitAround("lobby", null, page, maxBytes);

        Assert.Equal(seqs, string.Join(',', fit.Items.Select(message => message.Seq)));
        Assert.Equal((!seqs.StartsWith('1'), !seqs.EndsWith('9')), (fit.Around!.HasMoreBefore, fit.Around.HasMoreAfter));
    }

    private static SearchItem Item(string roomId, long seq, string content = "x") => new() { RoomId = roomId, Message = Message(seq, content), Place = seq };

    private static Message Message(long seq, string content = "x") => new() { MessageId = $"id-{seq}", Seq = seq, UpdatedSeq = seq, UserId = "zoe", Content = content };

    private ClientCommand Read(string json)
    {
        var reading = _node.Of<FrameReader>().Read(Encoding.UTF8.GetBytes(json));
        Assert.True(reading.Command is not null, reading.Detail);
        return reading.Command;
    }
}
