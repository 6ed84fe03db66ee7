using Tertulia.Conformance.Stores;
using Tertulia.Notifications.Storage;
using Tertulia.Testing;

namespace Tertulia.Conformance.Notifications;

/// <summary>A database of its own for the notification service.</summary>
public abstract class NotificationDatabase
{
    internal abstract Task<NotificationStore> OpenAsync();

    internal abstract Task DropAsync();
}

internal sealed class SqliteNotifications : NotificationDatabase
{
    private readonly SqliteDatabase _database = new();

    internal override async Task<NotificationStore> OpenAsync()
    {
        await _database.CreateAsync();
        return NotificationStore.Open(_database.Options);
    }

    internal override Task DropAsync() => _database.DropAsync();
}

internal sealed class PostgresNotifications(PostgresServer server) : NotificationDatabase
{
    internal override async Task<NotificationStore> OpenAsync() => NotificationStore.Open(
        new StoreOptions { Kind = StoreKind.Postgres, ConnectionString = await server.CreateDatabaseAsync() });

    internal override Task DropAsync() => Task.CompletedTask;
}

public sealed class SqliteJobTests() : JobConformance(new SqliteNotifications());

[Collection(PostgresGroup.Name)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class PostgresJobTests(PostgresServer server) : JobConformance(new PostgresNotifications(server));

public sealed class SqlitePushTests() : PushConformance(new SqliteNotifications());

[Collection(PostgresGroup.Name)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class PostgresPushTests(PostgresServer server) : PushConformance(new PostgresNotifications(server));

public sealed class SqliteWebhookTests() : WebhookConformance(new SqliteNotifications());

[Collection(PostgresGroup.Name)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class PostgresWebhookTests(PostgresServer server) : WebhookConformance(new PostgresNotifications(server));

public sealed class SqlitePresenceWebhookTests() : PresenceWebhookConformance(new SqliteNotifications());

[Collection(PostgresGroup.Name)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class PostgresPresenceWebhookTests(PostgresServer server) : PresenceWebhookConformance(new PostgresNotifications(server));
