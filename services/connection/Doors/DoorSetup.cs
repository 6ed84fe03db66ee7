using Tertulia.Connections.Doors.Http;
using Tertulia.Connections.Doors.Native;

namespace Tertulia.Connections.Doors;

/// <summary>All doors; the only place outside of them that names them.</summary>
internal static class DoorSetup
{
    /// <summary>Registers every door and what they share.</summary>
    public static IServiceCollection AddDoors(this IServiceCollection services) => services
        .AddSockets()
        .AddNativeDoor()
        .AddHttpDoor();

    /// <summary>Maps every door.</summary>
    public static void MapDoors(this WebApplication app)
    {
        NativeSocket.Map(app);
        app.MapHttpDoor();
    }
}
