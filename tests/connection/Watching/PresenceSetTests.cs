using Tertulia.Connections.Announcing;
using Tertulia.Connections.Tests.Support;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Watching;

/// <summary><c>presence_set</c>: what the node asks of presence, tells the user's devices, and shows of its own users.</summary>
public sealed class PresenceSetTests : IAsyncLifetime
{
    private readonly List<SetStatusRequest> _asked = [];
    private TestNode _node = null!;
    private long _stamp;

    public async Task InitializeAsync()
    {
        _node = await TestNode.StartAsync();
        _node.Calls.On<SetStatusRequest, ChosenStatus>("SetStatus", request =>
        {
            _asked.Add(request);
            return Chosen(request.UserId, request.Status, request.Text, ++_stamp, request.UntilMs);
        });
        _node.Calls.On<GetUsersRequest, UsersPresence>("GetUsers", request => new UsersPresence
        {
            Users = { request.UserIds.Select(userId => new PresentUser { UserId = userId, Username = userId, Status = "offline" }) },
        });
    }

    public async Task DisposeAsync() => await _node.DisposeAsync();

    [Fact]
    public async Task A_user_chooses_a_status_and_is_answered_when_it_is_taken()
    {
        var ana = await _node.ConnectAsync("ana");
        var until = _node.Time.GetUtcNow().AddHours(1);

        await ana.SendAsync(new PresenceSetCommand { Status = "busy", Text = "in a call", Emoji = "📞", Until = until, Ref = "p1" });

        var answer = await ana.NextAsync("presence", "the answer");
        Assert.Equal(("p1", "ana", "busy", "in a call"), (answer.Ref, answer.Text("user_id"), answer.Text("status"), answer.Text("text")));
        Assert.Equal(until, DateTimeOffset.Parse(answer.Text("until")!, System.Globalization.CultureInfo.InvariantCulture));
        var request = Assert.Single(_asked);
        Assert.Equal(("ana", "busy", "in a call", "📞", until.ToUnixTimeMilliseconds()), (request.UserId, request.Status, request.Text, request.Emoji, request.UntilMs));
    }

    [Fact]
    public async Task What_one_client_chooses_is_asked_in_its_order()
    {
        var first = new TaskCompletionSource<ChosenStatus>(TaskCreationOptions.RunContinuationsAsynchronously);
        _node.Calls.On<SetStatusRequest, ChosenStatus>("SetStatus", request =>
        {
            _asked.Add(request);
            return _asked.Count == 1 ? first.Task : Task.FromResult(Chosen("ana", request.Status, "", 2));
        });
        var ana = await _node.ConnectAsync("ana");

        await ana.SendAsync(new PresenceSetCommand { Status = "busy", Ref = "p1" });
        await ana.SendAsync(new PresenceSetCommand { Status = "away", Ref = "p2" });
        await ana.HasNothingMoreAsync();
        Assert.Single(_asked);
        first.SetResult(Chosen("ana", "busy", "", 1));

        Assert.Equal("p1", (await ana.NextAsync("presence", "the first answer")).Ref);
        Assert.Equal("p2", (await ana.NextAsync("presence", "the second answer")).Ref);
        Assert.Equal(["busy", "away"], _asked.Select(request => request.Status));
    }

    [Fact]
    public async Task What_cannot_be_is_refused_here_and_what_presence_refuses_is_passed_on()
    {
        var ana = await _node.ConnectAsync("ana");
        await ana.SendAsync(new PresenceSetCommand { Status = "offline", Ref = "p1" });
        Assert.Equal(40001, (await ana.NextAsync("error", "no such status")).Code);
        await ana.SendAsync(new PresenceSetCommand { Status = "busy", Until = _node.Time.GetUtcNow(), Ref = "p2" });
        Assert.Equal(40001, (await ana.NextAsync("error", "it has ended")).Code);
        await ana.SendAsync(new PresenceSetCommand { Status = "busy", IsOfDevice = true, Ref = "p3" });
        Assert.Equal(40001, (await ana.NextAsync("error", "not of a device")).Code);
        await ana.SendAsync(new PresenceSetCommand { Status = "away", Text = "x", IsOfDevice = true, Ref = "p4" });
        Assert.Equal(40001, (await ana.NextAsync("error", "not of a device")).Code);
        Assert.Empty(_asked);

        _node.Calls.On<SetStatusRequest, ChosenStatus>("SetStatus", _ => Task.FromException<ChosenStatus>(Hosting.RpcErrors.Refuse(ErrorCode.Overloaded)));
        await ana.SendAsync(new PresenceSetCommand { Status = "busy", Ref = "p5" });
        var refused = await ana.NextAsync("error", "presence refuses");
        Assert.Equal(("p5", 50302), (refused.Ref, refused.Code));
    }

    [Fact]
    public async Task A_device_says_that_it_is_not_in_use()
    {
        var ana = await _node.ConnectAsync("ana");
        await ana.SendAsync(new PresenceSetCommand { Status = "away", IsOfDevice = true, Ref = "p1" });

        var answer = await ana.NextAsync("presence", "the answer");
        Assert.Equal(("p1", "away", true), (answer.Ref, answer.Text("status"), answer.Flag("device")));
        await Eventually.HoldsAsync(
            () => _node.Reports.TryRead(out var report) && report.Delta?.Changes.LastOrDefault() is { Away: true } change && change.ConnectionId == ana.Session.ConnectionId,
            "it is reported");
    }

    [Fact]
    public async Task A_device_says_which_of_its_rooms_it_shows()
    {
        var ana = await _node.ConnectAsync("ana");
        var held = new HeldConnections();
        held.Open("c", "ana", "Ana");
        held.Enter("c", "1");
        held.SetFocus("c", "2");
        held.SetFocus("c", "1");
        held.Leave("c", "1");

        await ana.SendAsync(new FocusCommand { RoomId = "1", Ref = "f1" });
        await ana.SendAsync(new FocusCommand { Ref = "f2" });

        Assert.Equal("""{"type":"focus","room_id":"1","ref":"f1","data":{}}""", (await ana.NextAsync("focus", "the answer")).Raw);
        Assert.Equal("""{"type":"focus","ref":"f2","data":{}}""", (await ana.NextAsync("focus", "the answer")).Raw);
        var told = held.Take(whole: true);
        Assert.Equal(["1", ""], told.Changes.Where(change => change.HasFocused).Select(change => change.Focused));
        Assert.Equal(Digest.Of("c", ""), told.Digest);
    }

    [Fact]
    public async Task A_device_that_watches_its_own_user_sees_what_was_chosen_on_another_one()
    {
        var (phone, laptop) = (await _node.ConnectAsync("ana"), await _node.ConnectAsync("ana"));
        var bruno = await _node.ConnectAsync("bruno");
        foreach (var client in new[] { laptop, bruno })
        {
            await client.SendAsync(new PresenceWatchCommand { UserIds = ["ana"], Ref = "w" });
            await client.NextAsync("presence_state", "the watch");
        }

        await phone.SendAsync(new PresenceSetCommand { Status = "invisible", Ref = "p1" });
        await _node.TellAsync(new NodeBatch { Chosen = { Chosen("ana", "invisible", "", _stamp) }, Watched = { new PresentUser { UserId = "ana", Status = "offline" } } });

        Assert.Equal("invisible", (await laptop.NextAsync("presence", "what was chosen")).Text("status"));
        Assert.Equal("offline", (await bruno.NextAsync("presence", "what others see")).Text("status"));
        await laptop.HasNothingMoreAsync();
        await bruno.HasNothingMoreAsync();
        await laptop.SendAsync(new PresenceWatchCommand { UserIds = ["ana"], Ref = "again" });
        Assert.Equal("invisible", (await laptop.NextAsync("presence_state", "the list")).Items("users").Single().GetProperty("status").GetString());
    }

    [Fact]
    public async Task While_presence_is_away_the_node_shows_its_own_users_as_they_have_chosen_and_hides_who_is_invisible()
    {
        _node.Calls.On<GetRoomRequest, RoomPresence>("GetRoom", _ => Task.FromException<RoomPresence>(Hosting.RpcErrors.Refuse(ErrorCode.Unavailable)));
        var bruno = await _node.JoinedAsync("bruno", "lobby", seq: 5);
        var carla = await _node.JoinedAsync("carla", "lobby", seq: 5);
        await _node.TellAsync(new NodeBatch { Chosen = { Chosen("bruno", "busy", "in a call", 1), Chosen("carla", "invisible", "", 2), Chosen("nobody", "busy", "", 3) } });
        await _node.SettledAsync();

        var ana = await _node.ConnectAsync("ana");
        await ana.JoinAsync("lobby");
        await _node.AdmitAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), seq: 5);
        var joined = await ana.NextAsync("joined", "the answer");

        Assert.Equal(["ana online", "bruno busy"], Users(joined));
        Assert.Equal(2, joined.Number("count"));
        await carla.JoinAsync("lobby", reference: "again");
        await _node.AdmitAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), seq: 5);
        joined = await carla.NextAsync("joined", "the answer");
        Assert.Equal(["ana online", "bruno busy", "carla invisible"], Users(joined));
        Assert.Equal(2, joined.Number("count"));
        await bruno.HasNothingMoreAsync();

        static IEnumerable<string> Users(Frame joined) => joined.Items("active_users")
            .Select(user => $"{user.GetProperty("user_id").GetString()} {user.GetProperty("status").GetString()}").Order(StringComparer.Ordinal);
    }

    [Fact]
    public async Task Who_entered_while_presence_was_silent_is_told_all_users_when_it_answers_again()
    {
        _node.Calls.On<GetRoomRequest, RoomPresence>("GetRoom", _ => Task.FromException<RoomPresence>(Hosting.RpcErrors.Refuse(ErrorCode.Unavailable)));
        await _node.JoinedAsync("ana", "lobby", seq: 5);
        while (_node.Reports.TryRead(out _))
        {
            continue;
        }

        _node.Calls.On<GetRoomRequest, RoomPresence>("GetRoom", _ => new RoomPresence());
        await ReviewAsync();
        await ReviewAsync(); // The first reminder may have got lost.
        await _node.TellAsync(new NodeBatch { Presence = { new RoomPresenceChange { RoomId = "lobby", Complete = true, Online = 1 } } });
        await _node.SettledAsync();
        Assert.False(_node.Hub.Find("lobby")!.IsListPartial);

        async Task ReviewAsync() => await Eventually.HoldsAsync(
            () =>
            {
                _node.Time.Advance(TimeSpan.FromSeconds(1));
                return _node.Reports.TryRead(out var report) && report.Delta?.Changes.Any(change => change.Review == "lobby") == true;
            },
            "presence is asked to tell the room whole");
    }

    [Fact]
    public async Task Another_status_of_a_user_is_told_to_the_members_of_its_rooms()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 5);
        var busy = new PresentUser { UserId = "bruno", Username = "Bruno", Status = "busy", Text = "in a call", Emoji = "📞" };

        await _node.TellAsync(new NodeBatch { Presence = { new RoomPresenceChange { RoomId = "lobby", Online = 2, Changed = { busy } } } });

        var told = await ana.NextAsync("presence", "the change");
        Assert.Equal(
            ("lobby", "bruno", "busy", "in a call", "📞"),
            (told.Root.GetProperty("room_id").GetString(), told.Text("user_id"), told.Text("status"), told.Text("text"), told.Text("emoji")));
    }

    private static ChosenStatus Chosen(string userId, string status, string text, long stamp, long untilMs = 0) =>
        new() { UserId = userId, Status = status, Text = text, Stamp = stamp, UntilMs = untilMs };
}
