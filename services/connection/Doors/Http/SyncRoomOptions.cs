using Microsoft.Extensions.Options;
using Tertulia.Connections.Events;

namespace Tertulia.Connections.Doors.Http;

/// <summary>The room of <c>/api/sync</c>.</summary>
public sealed class SyncRoomOptions
{
    internal const string Section = "Connections:Sync";

    /// <summary>Room in which updates are kept, and in which sockets see them. The first who uses it creates it, where that creates rooms, and owns it.</summary>
    /// <value>A room id; default <c>sync</c>.</value>
    public string Room { get; set; } = "sync";
}

/// <summary>It must be the id of a room.</summary>
internal sealed class SyncRoomOptionsRules : IValidateOptions<SyncRoomOptions>
{
    public ValidateOptionsResult Validate(string? name, SyncRoomOptions options) => RoomIdFormat.IsValid(options.Room)
        ? ValidateOptionsResult.Success
        : ValidateOptionsResult.Fail($"{SyncRoomOptions.Section}:Room: {RoomIdFormat.Rule}.");
}
