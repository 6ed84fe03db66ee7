using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.Revoking;

namespace Tertulia.Messages.Tests.Revoking;

/// <summary>What moderators do is in the audit log with its entry; a room's part is read by who moderates it.</summary>
public sealed class AuditTests : IAsyncLifetime
{
    private readonly Backbone _backbone = new();
    private MessageReplica _replica = null!;
    private TestNode _node = null!;
    private SecurityGrpc _grpc = null!;

    public async Task InitializeAsync()
    {
        _replica = await MessageReplica.StartAsync(_backbone);
        _node = await _backbone.NodeAsync("node-1");
        _grpc = ActivatorUtilities.CreateInstance<SecurityGrpc>(_replica.Services);
        await _node.AskAsync(Commands.Join("lobby", "ana"));
        await _node.AskAsync(Commands.Join("lobby", "bruno"));
        var said = Commands.Send("lobby", "bruno", "spam");
        await _node.SubmitAsync(said);
        await _node.EventsAsync("lobby", 4, 4);
        await _node.SubmitAsync(
            Commands.Delete("lobby", "ana", said.Send.MessageId),
            Commands.Change("lobby", "ana", MemberAction.Mute, "bruno"),
            Commands.Change("lobby", "ana", MemberAction.SetRole, "bruno", role: "moderator"),
            Commands.Update("lobby", "ana", new UpdateRoom { Topic = "no spam" }),
            Commands.Change("lobby", "ana", MemberAction.Ban, "carla"));
        await _node.EventsAsync("lobby", 5, 9);
    }

    public async Task DisposeAsync()
    {
        await _node.DisposeAsync();
        await _replica.DisposeAsync();
        await _backbone.DisposeAsync();
    }

    [Fact]
    public async Task What_was_done_is_told_to_admins_and_to_who_moderates_the_room()
    {
        List<string> all = ["member_banned carla because", "room_updated  topic", "role_changed bruno moderator: because", "member_muted bruno because", "message_deleted bruno "];

        Assert.Equal(all, await LinesAsync(new ListAuditRequest { Actor = Commands.User("root", "admin") }));
        Assert.Equal(all, await LinesAsync(new ListAuditRequest { Actor = Commands.User("ana"), RoomId = "lobby" }));
        Assert.Equal(all[2..4], await LinesAsync(new ListAuditRequest { Actor = Commands.User("bruno"), RoomId = "lobby", TargetId = "bruno" }, skip: "message_deleted"));
        Assert.Equal([all[0]], await LinesAsync(new ListAuditRequest { Actor = Commands.User("ana"), RoomId = "lobby", Action = "member_banned", ActorId = "ana" }));
    }

    [Fact]
    public async Task Others_read_nothing_of_it()
    {
        await _node.AskAsync(Commands.Join("lobby", "dora"));

        Assert.Equal(ErrorCode.Forbidden, await RefusedAsync("dora", "lobby"));
        Assert.Equal(ErrorCode.Forbidden, await RefusedAsync("ana", ""));
        Assert.Equal(ErrorCode.NotMember, await RefusedAsync("zoe", "lobby"));
        Assert.Equal(ErrorCode.Banned, await RefusedAsync("carla", "lobby"));
        Assert.Equal(ErrorCode.RoomNotFound, await RefusedAsync("ana", "nowhere"));
    }

    [Fact]
    public async Task Other_services_add_to_it_and_times_are_bounds()
    {
        var entry = new AuditEntry { Id = "0190", AtMs = 5_000, ActorId = "shop", Action = "disconnected", TargetId = "ana", Detail = "signed out" };
        await _grpc.RecordAudit(entry, Call());
        await _grpc.RecordAudit(entry, Call()); // Sent again.
        var root = Commands.User("root", "service");

        Assert.Equal(["disconnected ana signed out"], await LinesAsync(new ListAuditRequest { Actor = root, UntilMs = 5_001 }));
        Assert.Empty(await LinesAsync(new ListAuditRequest { Actor = root, UntilMs = 5_000 }));
        Assert.Equal(1, (await LinesAsync(new ListAuditRequest { Actor = root, SinceMs = 5_000 })).Count - (await LinesAsync(new ListAuditRequest { Actor = root, SinceMs = 5_001 })).Count);
        var refused = await Assert.ThrowsAsync<RpcException>(() => _grpc.RecordAudit(new AuditEntry { Id = "1", AtMs = 1, ActorId = "shop", Action = "a\nb" }, Call()));
        Assert.Equal(ErrorCode.BadRequest, RpcErrors.ToRefusal(refused).Code);
    }

    private async Task<List<string>> LinesAsync(ListAuditRequest request, string skip = "-")
    {
        request.Limit = 100;
        return [.. (await _grpc.ListAudit(request, Call())).Entries
            .Where(entry => entry.Action != skip)
            .Select(entry => $"{entry.Action} {entry.TargetId} {(entry.Action == "message_deleted" ? "" : entry.Detail)}")];
    }

    private async Task<ErrorCode> RefusedAsync(string userId, string roomId) => RpcErrors.ToRefusal(await Assert.ThrowsAsync<RpcException>(
        () => _grpc.ListAudit(new ListAuditRequest { Actor = Commands.User(userId), RoomId = roomId, Limit = 10 }, Call()))).Code;

    private static ServerCallContext Call() => new NoCall();
}
