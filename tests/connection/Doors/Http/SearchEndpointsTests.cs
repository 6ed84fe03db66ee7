using Tertulia.Contracts;

namespace Tertulia.Connections.Tests.Doors.Http;

public sealed class SearchEndpointsTests : IAsyncLifetime
{
    private HttpHost _host = null!;

    public async Task InitializeAsync() => _host = await HttpHost.StartAsync(("Limits:EventsPerMinute", "0"));

    public async Task DisposeAsync() => await _host.DisposeAsync();

    [Fact]
    public async Task A_search_is_answered_as_on_the_socket()
    {
        SearchRequest? asked = null;
        _host.Calls.On<SearchRequest, SearchReply>("Search", request =>
        {
            asked = request;
            var message = new Message { MessageId = "id-7", Seq = 7, UpdatedSeq = 7, UserId = "bruno", Username = "Bruno", Content = "canción", CreatedAtMs = 1_900_000_000_000 };
            return new SearchReply { Items = { new SearchItem { RoomId = "lobby", Message = message, Place = 5 } }, HasMore = true, Next = 5 };
        });

        var answer = await _host.SendAsync(HttpMethod.Get, "/api/v1/search?query=cancion%20from:bruno&room_id=lobby&before_seq=9&cursor=17&limit=1", "ana", null);

        Assert.Equal(
            (200, """{"items":[{"room_id":"lobby","id":"id-7","seq":7,"user_id":"bruno","username":"Bruno","content":"canción","created_at":"2030-03-17T17:46:40.000Z"}],"has_more":true,"cursor":"5"}"""),
            (answer.Status, answer.Body));
        Assert.Equal(("cancion from:bruno", "lobby", 9L, 17L, 1), (asked!.Query, asked.RoomId, asked.BeforeSeq, asked.Before, asked.Limit));
        foreach (var bad in (string[])["", "?query=x&limit=101", "?query=x&before_seq=0", "?query=x&cursor=a", "?query=x&room_id=a%20b"])
        {
            Assert.Equal(400, (await _host.SendAsync(HttpMethod.Get, "/api/v1/search" + bad, "ana", null)).Status);
        }
    }
}
