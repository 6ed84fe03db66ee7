using System.Text.Json;
using Tertulia.Contracts;

namespace Tertulia.Connections.Tests.Doors.Http;

/// <summary>Who may have what is known of a user, and who may have it deleted.</summary>
public sealed class UserEndpointsTests : IAsyncLifetime
{
    private readonly List<string> _records = [];
    private readonly List<EraseUserRequest> _erased = [];
    private HttpHost _host = null!;

    public async Task InitializeAsync() => await StartAsync();

    public async Task DisposeAsync() => await _host.DisposeAsync();

    [Fact]
    public async Task An_export_is_all_that_the_services_know_line_by_line()
    {
        var answer = await _host.SendAsync(HttpMethod.Get, "/api/v1/users/me/export", "ana");

        Assert.Equal(200, answer.Status);
        string[] lines = answer.Body.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(
            ["user", "membership", "message", "report", "audit", "presence", "preferences", "push_subscription", "notification", "end"],
            lines.Select(line => JsonDocument.Parse(line).RootElement.GetProperty("type").GetString()));
        Assert.Equal(9, JsonDocument.Parse(lines[^1]).RootElement.GetProperty("data").GetProperty("lines").GetInt32());
        Assert.Equal("hola", JsonDocument.Parse(lines[2]).RootElement.GetProperty("data").GetProperty("content").GetString());
        Assert.Equal(["ana user_exported ana"], _records);
    }

    [Fact]
    public async Task An_export_does_not_say_what_notifications_say_of_rooms_in_which_the_token_is_revoked()
    {
        _host.Calls.On<GetInboxRequest, Inbox>("GetInbox", _ => new Inbox
        {
            Notifications =
            {
                new Notification { NotificationId = "n1", Useq = 1, Kind = "mention", Title = "t", Body = "hidden", RoomId = "lobby" },
                new Notification { NotificationId = "n2", Useq = 2, Kind = "mention", Title = "t", Body = "shown", RoomId = "garden" },
            },
        });
        _host.Of<Connections.Auth.Revocations>().Add(new Revocation { UserId = "ana", RoomId = "lobby", RevokedAtMs = long.MaxValue, ExpiresAtMs = long.MaxValue });

        var own = await _host.SendAsync(HttpMethod.Get, "/api/v1/users/me/export", "ana");
        var admins = await _host.SendRawAsync(HttpMethod.Get, "/api/v1/users/ana/export", _host.Token("root", role: "admin"));

        Assert.Equal([false, true], (bool[])[own.Body.Contains("hidden", StringComparison.Ordinal), own.Body.Contains("shown", StringComparison.Ordinal)]);
        Assert.Contains("hidden", admins.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Others_are_exported_by_admins_and_services_alone_and_a_failure_is_a_problem()
    {
        Assert.Equal((403, 40301, "forbidden"), (await _host.SendAsync(HttpMethod.Get, "/api/v1/users/ana/export", "bruno")).Problem);
        Assert.Equal(200, (await _host.SendRawAsync(HttpMethod.Get, "/api/v1/users/ana/export", _host.Token("root", role: "admin"))).Status);
        Assert.Equal(["root user_exported ana"], _records);
        _host.Calls.On<ExportUserRequest, ExportUserReply>("ExportUser", (Func<ExportUserRequest, ExportUserReply>)(_ =>
            throw Tertulia.Hosting.RpcErrors.Refuse(ErrorCode.BadRequest, "no")));

        Assert.Equal(400, (await _host.SendRawAsync(HttpMethod.Get, "/api/v1/users/ana/export", _host.Token("root", role: "admin"))).Status);
    }

    [Theory]
    [InlineData(false, 403)]
    [InlineData(true, 202)]
    public async Task Users_delete_themselves_where_it_is_configured(bool isConfigured, int expected)
    {
        await _host.DisposeAsync();
        await StartAsync(("Privacy:SelfDeletion", isConfigured ? "true" : "false"));

        Assert.Equal(expected, (await _host.SendAsync(HttpMethod.Delete, "/api/v1/users/me", "ana")).Status);
        Assert.Equal(403, (await _host.SendAsync(HttpMethod.Delete, "/api/v1/users/bruno", "ana")).Status);
        Assert.Equal(isConfigured ? 1 : 0, _erased.Count);
    }

    [Fact]
    public async Task Admins_delete_users_and_ask_how_far_it_is()
    {
        var token = _host.Token("root", role: "admin");
        var deleted = await _host.SendRawAsync(HttpMethod.Delete, "/api/v1/users/ana?messages=keep", token);
        var asked = await _host.SendRawAsync(HttpMethod.Get, "/api/v1/users/ana/deletion", token);

        Assert.Equal((202, "running", 200, "running"), (deleted.Status, deleted.Json.GetProperty("state").GetString(), asked.Status, asked.Json.GetProperty("state").GetString()));
        Assert.Equal(("ana", "root", true), (_erased[0].UserId, _erased[0].Actor.UserId, _erased[0].KeepsMessages));
        Assert.True(_erased[0].RevokeUntilMs > 0);
        Assert.Equal((400, 40001, "bad_request"), (await _host.SendRawAsync(HttpMethod.Delete, "/api/v1/users/ana?messages=some", token)).Problem);
    }

    private async Task StartAsync(params (string, string)[] settings)
    {
        _host = await HttpHost.StartAsync(settings);
        _host.Calls.On<AuditEntry, RecordAuditReply>("RecordAudit", entry =>
        {
            _records.Add($"{entry.ActorId} {entry.Action} {entry.TargetId}");
            return new RecordAuditReply();
        });
        _host.Calls.On<ExportUserRequest, ExportUserReply>("ExportUser", request => request.After.Length == 0
            ? new ExportUserReply
            {
                Next = "more",
                Items =
                {
                    new ExportedItem { RoomId = "lobby", Place = new ExportedPlace { Member = new ListedMember { UserId = "ana", Role = "member" }, ReadSeq = 4 } },
                    new ExportedItem { RoomId = "lobby", Message = new Message { MessageId = "m1", Seq = 4, UpdatedSeq = 4, UserId = "ana", Content = "hola" } },
                },
            }
            : new ExportUserReply
            {
                Items =
                {
                    new ExportedItem { RoomId = "lobby", Entry = new RoomEvent { Seq = 5, CreatedAtMs = 1, Reported = new MessageReported { MessageId = "m0", Reason = "spam" } } },
                    new ExportedItem { RoomId = "lobby", Audit = new AuditEntry { Id = "1", AtMs = 1, ActorId = "mod", Action = "member_muted" } },
                },
            });
        _host.Calls.On<GetUsersRequest, UsersPresence>("GetUsers", _ => new UsersPresence { Users = { new PresentUser { UserId = "ana", Status = "offline", LastSeenMs = 5 } } });
        _host.Calls.On<GetPreferencesRequest, NotificationPreferences>("GetPreferences", _ => new NotificationPreferences { Level = "mentions" });
        _host.Calls.On<ListSubscriptionsRequest, ListSubscriptionsReply>(
            "ListSubscriptions", _ => new ListSubscriptionsReply { Subscriptions = { new ListedSubscription { DeviceId = "phone", Endpoint = "https://push.example/1" } } });
        _host.Calls.On<GetInboxRequest, Inbox>("GetInbox", _ => new Inbox { Notifications = { new Notification { NotificationId = "n1", Useq = 1, Kind = "server", Title = "t" } } });
        _host.Calls.On<EraseUserRequest, UserErasure>("EraseUser", request =>
        {
            _erased.Add(request);
            return new UserErasure { UserId = request.UserId, State = "running", RequestedAtMs = 1, RequestedBy = request.Actor.UserId, Parts = 16 };
        });
        _host.Calls.On<GetErasureRequest, UserErasure>(
            "GetErasure", request => new UserErasure { UserId = request.UserId, State = "running", RequestedAtMs = 1, RequestedBy = "root", Parts = 16, PartsDone = 3 });
    }
}
