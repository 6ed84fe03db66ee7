using Tertulia.Bus;
using Tertulia.Connections.Tests.Support;
using Tertulia.Connections.Users;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Users;

/// <summary>What concerns a user reaches all of the user's devices, and nobody else's.</summary>
public sealed class UserEventTests : IAsyncLifetime
{
    private readonly List<NodeBatch> _elsewhere = [];
    private TestNode _node = null!;
    private IAsyncDisposable _other = null!;

    public async Task InitializeAsync()
    {
        _node = await TestNode.StartAsync();
        _other = await _node.Bus.ReceiveAsNodeAsync("other", batch =>
        {
            lock (_elsewhere)
            {
                _elsewhere.Add(batch);
            }

            return ValueTask.CompletedTask;
        }, () => ValueTask.CompletedTask, CancellationToken.None);
    }

    public async Task DisposeAsync()
    {
        await _other.DisposeAsync();
        await _node.DisposeAsync();
    }

    [Fact]
    public async Task All_devices_of_the_user_on_the_node_are_told_and_no_one_elses()
    {
        await using var phone = await _node.ConnectAsync("ana");
        await using var laptop = await _node.ConnectAsync("ana");
        await using var bruno = await _node.ConnectAsync("bruno");

        await _node.TellAsync(new NodeBatch { UserEvents = { Counted("ana", 3), Counted("nobody", 1) } });

        Assert.Equal(3, (await phone.NextAsync("notification_count", "the count")).Number("unread"));
        Assert.Equal(3, (await laptop.NextAsync("notification_count", "the count")).Number("unread"));
        await bruno.HasNothingMoreAsync();
    }

    [Fact]
    public async Task A_device_that_caused_it_is_left_out_and_one_that_is_gone_is_forgotten()
    {
        await using var phone = await _node.ConnectAsync("ana");
        var gone = await _node.ConnectAsync("ana");
        await using var laptop = await _node.ConnectAsync("ana");
        await gone.GoAsync();
        var read = new UserEvent
        {
            UserId = "ana", ExceptConnectionId = phone.Session.ConnectionId, NotificationsRead = new NotificationsRead { NotificationIds = { "n1" }, Unread = 2 },
        };

        await _node.TellAsync(new NodeBatch { UserEvents = { read } });

        var told = await laptop.NextAsync("notification_read", "what was read elsewhere");
        Assert.Equal(2, told.Number("unread"));
        await phone.HasNothingMoreAsync();
        Assert.Equal([phone.Session, laptop.Session], _node.Of<UserSessions>().Of("ana"));
        await phone.GoAsync();
        await laptop.GoAsync();
        Assert.Empty(_node.Of<UserSessions>().Of("ana"));
    }

    [Fact]
    public async Task A_notification_has_the_fields_of_the_protocol()
    {
        await using var ana = await _node.ConnectAsync("ana");
        var notification = new Notification
        {
            NotificationId = "n1", Useq = 7, Kind = "mention", Title = "Bruno", Body = "hola @ana", Link = "/rooms/lobby?message=m1", Sound = "mention",
            CreatedAtMs = 1_900_000_000_000, RoomId = "lobby", MessageId = "m1", Seq = 9, UserId = "bruno", Username = "Bruno",
        };

        await _node.TellAsync(new NodeBatch { UserEvents = { new UserEvent { UserId = "ana", Notification = notification } } });

        var told = await ana.NextAsync("notification", "the notification");
        Assert.Equal(
            ("n1", 7, "mention", "Bruno", "hola @ana", "/rooms/lobby?message=m1", "mention", "2030-03-17T17:46:40.000Z"),
            (told.Text("id"), told.Number("useq"), told.Text("kind"), told.Text("title"), told.Text("body"), told.Text("link"), told.Text("sound"), told.Text("created_at")));
        Assert.Equal(("lobby", "m1", 9, "bruno"), (told.Text("room_id"), told.Text("message_id"), told.Number("seq"), told.Text("user_id")));
    }

    [Fact]
    public async Task What_a_newer_version_tells_is_left_out()
    {
        await using var ana = await _node.ConnectAsync("ana");

        await _node.TellAsync(new NodeBatch { UserEvents = { new UserEvent { UserId = "ana" }, Counted("ana", 1) } });

        Assert.Equal(1, (await ana.NextAsync("notification_count", "what is known")).Number("unread"));
    }

    [Fact]
    public async Task A_node_tells_its_own_devices_and_the_users_other_nodes()
    {
        await using var ana = await _node.ConnectAsync("ana");
        await using var bruno = await _node.ConnectAsync("bruno");
        await _node.TellAsync(new NodeBatch { UserNodes = { new UserNodes { UserId = "ana", NodeIds = { _node.Id, "other" } } } });
        await _node.SettledAsync();

        await _node.Of<UserEvents>().TellAsync(Counted("bruno", 1), CancellationToken.None);
        await _node.Of<UserEvents>().TellAsync(Counted("ana", 2), CancellationToken.None);

        Assert.Equal(1, (await bruno.NextAsync("notification_count", "the count")).Number("unread"));
        Assert.Equal(2, (await ana.NextAsync("notification_count", "the count")).Number("unread"));
        await Eventually.HoldsAsync(() => Elsewhere().Count > 0, "the other node is told");
        Assert.Equal(Counted("ana", 2), Assert.Single(Elsewhere()));
    }

    [Fact]
    public async Task A_service_tells_the_nodes_where_presence_sees_the_user()
    {
        await using var ana = await _node.ConnectAsync("ana");
        _node.Calls.On<LocateUsersRequest, LocateUsersReply>("LocateUsers", request => new LocateUsersReply
        {
            Users = { request.UserIds.Where(id => id != "nobody").Select(id => new UserNodes { UserId = id, NodeIds = { id == "ana" ? _node.Id : "other" } }) },
        });

        await Sender().SendAsync([Counted("ana", 1), Counted("eva", 2), Counted("nobody", 3), Counted("ana", 4)], CancellationToken.None);

        Assert.Equal(1, (await ana.NextAsync("notification_count", "the count")).Number("unread"));
        Assert.Equal(4, (await ana.NextAsync("notification_count", "the count")).Number("unread"));
        await Eventually.HoldsAsync(() => Elsewhere().Count > 0, "the other node is told");
        Assert.Equal(Counted("eva", 2), Assert.Single(Elsewhere()));
    }

    [Fact]
    public async Task While_presence_does_not_answer_all_nodes_are_told()
    {
        await using var ana = await _node.ConnectAsync("ana");

        await Sender().SendAsync([Counted("ana", 1), Counted("eva", 2)], CancellationToken.None);

        Assert.Equal(1, (await ana.NextAsync("notification_count", "the count")).Number("unread"));
        await Eventually.HoldsAsync(() => Elsewhere().Count == 2, "the other node is told, too");
    }

    [Fact]
    public async Task Very_many_events_go_in_several_batches_of_a_bounded_size()
    {
        var events = Enumerable.Range(0, 2_500).Select(i => new UserEvent
        {
            UserId = $"user-{i}", Notification = new Notification { NotificationId = $"n{i}", Body = new string('x', 1_000) },
        }).ToArray();
        var asked = new List<int>();
        _node.Calls.On<LocateUsersRequest, LocateUsersReply>("LocateUsers", request =>
        {
            asked.Add(request.UserIds.Count);
            return new LocateUsersReply { Users = { request.UserIds.Select(id => new UserNodes { UserId = id, NodeIds = { "other" } }) } };
        });

        await Sender().SendAsync(events, CancellationToken.None);

        await Eventually.HoldsAsync(() => Elsewhere().Count == events.Length, "all of them come");
        Assert.Equal(events, Elsewhere());
        Assert.Equal([1_000, 1_000, 500], asked);
        lock (_elsewhere)
        {
            Assert.All(_elsewhere, batch => Assert.InRange(batch.CalculateSize(), 1, 600 * 1024));
        }
    }

    private static UserEvent Counted(string userId, uint unread) => new() { UserId = userId, NotificationCount = new NotificationCount { Unread = unread } };

    private UserEventSender Sender() => new(_node.Bus, _node.Of<PresenceService.PresenceServiceClient>(), _node.Of<Hosting.ProcessIdentity>());

    private List<UserEvent> Elsewhere()
    {
        lock (_elsewhere)
        {
            return [.. _elsewhere.SelectMany(batch => batch.UserEvents)];
        }
    }
}
