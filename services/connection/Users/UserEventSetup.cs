using Tertulia.Connections.Notifying;

namespace Tertulia.Connections.Users;

internal static class UserEventSetup
{
    /// <summary>What all devices of a user are told: one line each.</summary>
    public static IServiceCollection AddUserEvents(this IServiceCollection services) => services
        .AddSingleton<SharedUsers>()
        .AddSingleton<UserSessions>()
        .AddSingleton<UserEvents>()
        .AddUserEvent<NotificationView>()
        .AddUserEvent<NotificationCountView>()
        .AddUserEvent<NotificationReadView>()
        .AddUserEvent<UnreadView>()
        .AddUserEvent<ThreadUnreadView>();

    /// <summary>A kind of event.</summary>
    public static IServiceCollection AddUserEvent<THandler>(this IServiceCollection services)
        where THandler : class, IUserEventHandler => services.AddSingleton<IUserEventHandler, THandler>();
}
