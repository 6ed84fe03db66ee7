using Tertulia.Conformance.Stores;
using Tertulia.Testing;

namespace Tertulia.Conformance.Notifications;

public sealed class SqliteInboxTests() : InboxConformance(new SqliteNotifications());

[Collection(PostgresGroup.Name)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class PostgresInboxTests(PostgresServer server) : InboxConformance(new PostgresNotifications(server));
