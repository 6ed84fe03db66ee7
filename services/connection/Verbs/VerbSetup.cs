using Tertulia.Connections.Notifying;
using Tertulia.Connections.Rooms;

namespace Tertulia.Connections.Verbs;

/// <summary>What clients can ask for: one line each.</summary>
internal static class VerbSetup
{
    public static IServiceCollection AddVerbs(this IServiceCollection services) => services
        .AddSingleton<EntryViews>()
        .AddSingleton<IEntryView, ExpiryView>()
        .AddHandler<PingHandler>()
        .AddHandler<AuthHandler>()
        .AddHandler<PresenceSetHandler>()
        .AddHandler<PresenceWatchHandler>()
        .AddHandler<PresenceUnwatchHandler>()
        .AddHandler<FocusHandler>()
        .AddHandler<JoinHandler>()
        .AddHandler<LeaveHandler>()
        .AddHandler<HistoryHandler>()
        .AddHandler<ThreadHandler>()
        .AddHandler<PinsHandler>()
        .AddHandler<MembersHandler>()
        .AddHandler<ReportsHandler>()
        .AddHandler<SearchHandler>()
        .AddHandler<RoomsHandler>()
        .AddHandler<DescribeRoomHandler>()
        .AddHandler<CommunitiesHandler>()
        .AddHandler<TypingHandler>()
        .AddVerb<MessageVerb>()
        .AddVerb<MessageEditVerb>()
        .AddVerb<MessageDeleteVerb>()
        .AddVerb<ReactionVerb>()
        .AddVerb<PinVerb>()
        .AddHandler<BroadcastHandler>()
        .AddHandler<ReadHandler>()
        .AddHandler<DirectRequest>()
        .AddHandler<ReportRequest>()
        .AddHandler<NotificationsHandler>()
        .AddHandler<NotificationReadHandler>()
        .AddSingleton<ThreadFlow>()
        .AddHandler<ThreadsHandler>()
        .AddHandler<FollowThreadHandler>()
        .AddHandler<CreateRoomRequest>()
        .AddVerb<UpdateRoomRequest>()
        .AddHandler<DeleteRoomRequest>()
        .AddVerb<ChangeMemberRequest>();

    /// <summary>A kind of command.</summary>
    public static IServiceCollection AddHandler<THandler>(this IServiceCollection services)
        where THandler : class, ICommandHandler => services.AddSingleton<ICommandHandler, THandler>();

    /// <summary>A kind of command whose outcome is an entry of the room's log.</summary>
    public static IServiceCollection AddVerb<TVerb>(this IServiceCollection services)
        where TVerb : class, ICommandHandler, IEntryView => services
        .AddSingleton<TVerb>()
        .AddSingleton<ICommandHandler>(provider => provider.GetRequiredService<TVerb>())
        .AddSingleton<IEntryView>(provider => provider.GetRequiredService<TVerb>());
}
