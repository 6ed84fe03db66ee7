using Microsoft.Extensions.Options;
using Tertulia.Sql;

namespace Tertulia.Notifications.Storage;

/// <summary>With MongoDB this service needs a place of its own.</summary>
internal sealed class NotificationStoreRules : IValidateOptions<StoreOptions>
{
    public ValidateOptionsResult Validate(string? name, StoreOptions options) =>
        options is { Kind: StoreKind.MongoDb, NotificationConnectionString: "", Path: "" }
            ? ValidateOptionsResult.Fail("Store:Kind is MongoDb: the notification service also needs Store:NotificationConnectionString (PostgreSQL) or Store:Path (SQLite).")
            : ValidateOptionsResult.Success;
}
