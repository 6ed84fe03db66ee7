using Tertulia.Conformance.Notifications;
using Tertulia.Notifications.Storage;
using Tertulia.Testing;

namespace Tertulia.Conformance.Mongo;

/// <summary>A database of its own for the notification service on the collection's MongoDB.</summary>
internal sealed class MongoNotifications(MongoServer server) : NotificationDatabase
{
    private readonly string _name = MongoServer.NewDatabase();

    internal override Task<NotificationStore> OpenAsync() => Task.FromResult(NotificationStore.Open(server.OptionsOf(_name)));

    internal override Task DropAsync() => server.Server.DropAsync(_name);
}

[Collection(MongoGroup.Name)]
[Trait(Needs.Trait, Needs.MongoDb)]
public sealed class MongoJobTests(MongoServer server) : JobConformance(new MongoNotifications(server));

[Collection(MongoGroup.Name)]
[Trait(Needs.Trait, Needs.MongoDb)]
public sealed class MongoPushTests(MongoServer server) : PushConformance(new MongoNotifications(server));

[Collection(MongoGroup.Name)]
[Trait(Needs.Trait, Needs.MongoDb)]
public sealed class MongoWebhookTests(MongoServer server) : WebhookConformance(new MongoNotifications(server));

[Collection(MongoGroup.Name)]
[Trait(Needs.Trait, Needs.MongoDb)]
public sealed class MongoPresenceWebhookTests(MongoServer server) : PresenceWebhookConformance(new MongoNotifications(server));

[Collection(MongoGroup.Name)]
[Trait(Needs.Trait, Needs.MongoDb)]
public sealed class MongoInboxTests(MongoServer server) : InboxConformance(new MongoNotifications(server))
{
    private protected override bool RoundsAreWhole => false;
}
