using Grpc.Core;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.Members;
using Tertulia.Messages.Moderation;

namespace Tertulia.Messages.Tests.Members;

/// <summary>Who is shown which members, and what was reported.</summary>
public sealed class RoomListTests : IAsyncLifetime
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
        foreach (var (action, user) in new[] { (MemberAction.Mute, "bruno"), (MemberAction.Ban, "carla"), (MemberAction.Invite, "dora") })
        {
            await _node.SubmitAsync(Commands.Change("lobby", "ana", action, user));
        }

        await _node.EventsAsync("lobby", 4, 6);
    }

    public async Task DisposeAsync()
    {
        await _node.DisposeAsync();
        await _replica.DisposeAsync();
        await _backbone.DisposeAsync();
    }

    [Fact]
    public async Task Members_see_members_and_who_may_ban_sees_the_others_too()
    {
        var own = await ListAsync("bruno");
        var owner = await ListAsync("ana");

        Assert.Equal([("ana", "owner", false), ("bruno", "member", true)], own.Members.Select(member => (member.UserId, member.Role, member.Muted)));
        Assert.Equal(["ana", "bruno", "carla", "dora"], owner.Members.Select(member => member.UserId));
        Assert.Equal((true, "", "ana"), (owner.Members[2].Banned, owner.Members[2].Role, owner.Members[3].InvitedBy));
        Assert.Equal(ErrorCode.NotMember, await RefusedAsync(() => ListAsync("zoe")));
        Assert.Equal(ErrorCode.Banned, await RefusedAsync(() => ListAsync("carla")));
        Assert.Equal(ErrorCode.RoomNotFound, await RefusedAsync(() => ListAsync("ana", "nowhere")));
        Assert.Equal(ErrorCode.BadRequest, await RefusedAsync(() => ListAsync("ana", limit: 201)));
    }

    [Fact]
    public async Task Reports_are_for_moderators()
    {
        var said = Commands.Send("lobby", "ana", "hola");
        await _node.SubmitAsync(said);
        await _node.EventsAsync("lobby", 7, 7);
        await _node.SubmitAsync(Commands.Report("lobby", "bruno", said.Send.MessageId));
        await _node.EventsAsync("lobby", 8, 8);

        var page = await ReportsAsync("ana");

        var report = Assert.Single(page.Reports);
        Assert.Equal((8L, "bruno", said.Send.MessageId, "ana"), (report.Seq, report.UserId, report.Reported.MessageId, report.Reported.AuthorId));
        Assert.Equal(ErrorCode.Forbidden, await RefusedAsync(() => ReportsAsync("bruno")));
    }

    private Task<MembersPage> ListAsync(string userId, string roomId = "lobby", int limit = 10) => _replica.Get<MemberPages>().GetAsync(
        new ListMembersRequest { RoomId = roomId, Actor = Commands.User(userId), Limit = limit }, CancellationToken.None);

    private Task<ReportsPage> ReportsAsync(string userId) => _replica.Get<ReportPages>().GetAsync(
        new ListReportsRequest { RoomId = "lobby", Actor = Commands.User(userId), Limit = 10 }, CancellationToken.None);

    private static async Task<ErrorCode> RefusedAsync(Func<Task> call) =>
        RpcErrors.ToRefusal(await Assert.ThrowsAsync<RpcException>(call)).Code;
}
