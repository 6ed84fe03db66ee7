using Tertulia.Messages.Broadcasting;
using Tertulia.Messages.Deleting;
using Tertulia.Messages.Editing;
using Tertulia.Messages.Joining;
using Tertulia.Messages.Members;
using Tertulia.Messages.Moderation;
using Tertulia.Messages.Pinning;
using Tertulia.Messages.Privacy;
using Tertulia.Messages.Reacting;
using Tertulia.Messages.Reading;
using Tertulia.Messages.Retaining;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Sending;
using Tertulia.Messages.Subscribing;

namespace Tertulia.Messages.Verbs;

/// <summary>The verbs of this service, one line each.</summary>
internal static class VerbSetup
{
    public static IServiceCollection AddVerbs(this IServiceCollection services)
    {
        services.AddSingleton<VerbRegistry>();
        services.AddVerb<SendVerb>();
        services.AddVerb<EditVerb>();
        services.AddVerb<DeleteVerb>();
        services.AddVerb<ReactVerb>();
        services.AddVerb<PinVerb>();
        services.AddVerb<BroadcastVerb>();
        services.AddVerb<JoinVerb>();
        services.AddVerb<CreateRoomVerb>();
        services.AddVerb<UpdateRoomVerb>();
        services.AddVerb<DeleteRoomVerb>();
        services.AddVerb<MemberVerb>();
        services.AddVerb<ReportVerb>();
        services.AddVerb<TrimVerb>();
        services.AddVerb<EraseVerb>();
        services.AddVerb<SubscribeVerb>();
        services.AddVerb<UnsubscribeVerb>();
        services.AddVerb<ReadVerb>();
        return services;
    }

    /// <summary>Adds a verb.</summary>
    public static IServiceCollection AddVerb<TVerb>(this IServiceCollection services) where TVerb : class, IVerb => services.AddSingleton<IVerb, TVerb>();
}
