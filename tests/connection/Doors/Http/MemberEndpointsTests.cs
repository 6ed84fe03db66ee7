using Tertulia.Contracts;

namespace Tertulia.Connections.Tests.Doors.Http;

public sealed class MemberEndpointsTests : IAsyncLifetime
{
    private HttpHost _host = null!;

    public async Task InitializeAsync() => _host = await HttpHost.StartAsync(("Limits:EventsPerMinute", "0"));

    public async Task DisposeAsync() => await _host.DisposeAsync();

    [Fact]
    public async Task Members_and_reports_are_answered_as_on_the_socket()
    {
        _host.Calls.On<ListMembersRequest, MembersPage>("ListMembers", request =>
        {
            Assert.Equal(("lobby", "ana", "a", 2), (request.RoomId, request.Actor.UserId, request.AfterUserId, request.Limit));
            return new MembersPage { HasMore = true, Members = { new ListedMember { UserId = "bruno", Username = "Bruno", Role = "guest", InvitedBy = "" } } };
        });
        _host.Calls.On<ListReportsRequest, ReportsPage>("ListReports", request =>
        {
            Assert.Equal(("lobby", "ana", 9L, 50), (request.RoomId, request.Actor.UserId, request.BeforeSeq, request.Limit));
            return new ReportsPage { Epoch = "e1", Reports = { new RoomEvent { Seq = 8, UserId = "bruno", Reported = new MessageReported { MessageId = "m1", MessageSeq = 3, AuthorId = "zoe" } } } };
        });

        var members = await _host.SendAsync(HttpMethod.Get, "/api/v1/rooms/lobby/members?after=a&limit=2", "ana");
        var reports = await _host.SendAsync(HttpMethod.Get, "/api/v1/rooms/lobby/reports?before_seq=9", "ana");

        Assert.Equal("""{"room_id":"lobby","items":[{"user_id":"bruno","username":"Bruno","role":"guest","banned":false,"muted":false}],"has_more":true,"epoch":"","seq":0}""", members.Body);
        Assert.Equal("""{"room_id":"lobby","epoch":"e1","items":[{"message_id":"m1","message_seq":3,"author_id":"zoe","user_id":"bruno","seq":8}],"has_more":false}""", reports.Body);
        foreach (var bad in (string[])["members?limit=201", "members?limit=0", "members?after=a%00b", "reports?limit=101", "reports?before_seq=0"])
        {
            Assert.Equal(400, (await _host.SendAsync(HttpMethod.Get, "/api/v1/rooms/lobby/" + bad, "ana")).Status);
        }
    }
}
