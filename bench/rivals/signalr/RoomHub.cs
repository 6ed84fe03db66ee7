using System.Globalization;
using Microsoft.AspNetCore.SignalR;

namespace Tertulia.Rival.SignalR;

/// <summary>Rooms as groups: what is sent to a room goes to all who joined it, the sender included.</summary>
internal sealed class RoomHub : Hub
{
    private static long _messages;

    /// <inheritdoc />
    public override Task OnConnectedAsync()
    {
        var query = Context.GetHttpContext()!.Request.Query;
        Context.Items["user"] = new User(query["user_id"].ToString(), query["username"].ToString());
        return Task.CompletedTask;
    }

    /// <summary>Joins a room; the completion of the call says that it is done.</summary>
    public Task JoinRoom(string room) => Groups.AddToGroupAsync(Context.ConnectionId, room);

    /// <summary>Sends a message to a room.</summary>
    public Task SendMessage(string room, string text)
    {
        var user = (User)Context.Items["user"]!;
        var id = string.Create(CultureInfo.InvariantCulture, $"{Context.ConnectionId}-{Interlocked.Increment(ref _messages)}");
        var message = new RoomMessage(id, room, user.Id, user.Name, text, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());
        return Clients.Group(room).SendAsync("newMessage", message);
    }

    private sealed record User(string Id, string Name);
}

/// <summary>What the others see; the same fields as in the socket.io pair.</summary>
internal sealed record RoomMessage(string Id, string Room, string UserId, string Username, string Text, long CreatedAt);
