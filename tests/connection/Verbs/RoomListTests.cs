using System.Text;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Tests.Verbs;

/// <summary>Lists of members and of reports, between a client's frames and the message service.</summary>
public sealed class RoomListTests : IAsyncLifetime
{
    private TestNode _node = null!;
    private TestClient _ana = null!;

    public async Task InitializeAsync()
    {
        _node = await TestNode.StartAsync();
        _ana = await _node.ConnectAsync("ana");
    }

    public async Task DisposeAsync() => await _node.DisposeAsync();

    [Fact]
    public async Task Members_are_listed_without_having_entered()
    {
        _node.Calls.On<ListMembersRequest, MembersPage>("ListMembers", request =>
        {
            Assert.Equal(("lobby", "ana", "a", 2), (request.RoomId, request.Actor.UserId, request.AfterUserId, request.Limit));
            return new MembersPage
            {
                Epoch = "e",
                Seq = 42,
                Members =
                {
                    new ListedMember { UserId = "bruno", Username = "Bruno", Role = "member", Muted = true, MutedUntilMs = 1_893_456_000_000 },
                    new ListedMember { UserId = "carla", Banned = true },
                },
            };
        });
        await SendAsync("""{"type":"members","ref":"m1","room_id":"lobby","after":"a","limit":2}""");

        var answer = await _ana.NextAsync("members", "the answer");

        Assert.Equal("m1", answer.Ref);
        Assert.Equal(
            """{"items":[{"user_id":"bruno","username":"Bruno","role":"member","banned":false,"muted":true,"muted_until":"2030-01-01T00:00:00.000Z"},{"user_id":"carla","username":"carla","role":"","banned":true,"muted":false}],"has_more":false,"epoch":"e","seq":42}""",
            answer.Data.GetRawText());
    }

    [Fact]
    public async Task Members_that_do_not_fit_are_another_page()
    {
        _node.Calls.On<ListMembersRequest, MembersPage>("ListMembers", request =>
        {
            Assert.Equal(50, request.Limit);
            var page = new MembersPage();
            page.Members.AddRange(Enumerable.Range(0, 200).Select(i => new ListedMember { UserId = $"u{i}", Username = new string('x', 500), Role = "member" }));
            return page;
        });
        await SendAsync("""{"type":"members","room_id":"lobby"}""");

        var answer = await _ana.NextAsync("members", "the answer");

        Assert.InRange(answer.Data.GetProperty("items").GetArrayLength(), 50, 120);
        Assert.True(answer.Flag("has_more"));
    }

    [Fact]
    public async Task Reports_are_listed_and_a_refusal_is_told()
    {
        _node.Calls.On<ListReportsRequest, ReportsPage>("ListReports", request =>
        {
            Assert.Equal(("lobby", 50), (request.RoomId, request.Limit));
            var reported = new MessageReported { MessageId = "m1", MessageSeq = 3, AuthorId = "zoe", Reason = "rude" };
            return request.BeforeSeq == 9
                ? new ReportsPage { HasMore = true, Reports = { new RoomEvent { Seq = 8, UserId = "bruno", Username = "Bruno", CreatedAtMs = 1_893_456_000_000, Reported = reported } } }
                : throw RpcErrors.Refuse(ErrorCode.Forbidden);
        });
        await SendAsync("""{"type":"reports","room_id":"lobby","before_seq":9}""");
        var answer = await _ana.NextAsync("reports", "the answer");
        await SendAsync("""{"type":"reports","ref":"r2","room_id":"lobby"}""");
        var refused = await _ana.NextAsync("error", "the refusal");

        Assert.Equal(
            """{"items":[{"message_id":"m1","message_seq":3,"author_id":"zoe","reason":"rude","user_id":"bruno","username":"Bruno","created_at":"2030-01-01T00:00:00.000Z","seq":8}],"has_more":true}""",
            answer.Data.GetRawText());
        Assert.Equal(("r2", 40301), (refused.Ref, refused.Code));
    }

    private Task SendAsync(string frame)
    {
        var reading = _node.Of<FrameReader>().Read(Encoding.UTF8.GetBytes(frame));
        Assert.True(reading.Command is not null, reading.Detail);
        return _ana.SendAsync(reading.Command);
    }
}
