namespace Tertulia.Connections.Doors.Native;

internal static class NativeSetup
{
    /// <summary>The plain WebSocket way in. Needs <see cref="SocketSetup.AddSockets"/>.</summary>
    public static IServiceCollection AddNativeDoor(this IServiceCollection services) => services
        .AddSingleton(provider => new NativeFormat(NativeEncoders.All.Concat(provider.GetServices<NativeEncoder>())))
        .AddSingleton(provider => new FrameReader(FrameTypes.All.Concat(provider.GetServices<FrameType>())))
        .AddSingleton<NativeDoor>()
        .AddSingleton<NativeSocket>();
}
