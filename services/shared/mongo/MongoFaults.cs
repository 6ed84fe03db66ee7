using MongoDB.Bson;
using MongoDB.Driver;
using Tertulia.Sql;

namespace Tertulia.Mongo;

/// <summary>The driver's failures in a store's words.</summary>
public static class MongoFaults
{
    private const int InternalError = 1;
    private const int DuplicateKey = 11000;

    // A document above 16 MiB, a key that no index takes, a rule of the collection (https://www.mongodb.com/docs/manual/reference/error-codes/).
    private static readonly int[] ValueCodes = [10334, 17280, 17419, 121];

    /// <summary>What a failure means for the caller.</summary>
    public static StoreFault Of(Exception exception) => exception switch
    {
        MongoBulkWriteException bulk when bulk.WriteErrors.Any(error => ValueCodes.Contains(error.Code)) => StoreFault.Rejected,
        MongoWriteException write when write.WriteError is { } error && ValueCodes.Contains(error.Code) => StoreFault.Rejected,
        MongoCommandException command when ValueCodes.Contains(command.Code) => StoreFault.Rejected,
        FormatException or BsonSerializationException => StoreFault.Rejected, // The driver itself measures documents before it sends them.
        MongoException or TimeoutException or IOException or ObjectDisposedException => StoreFault.Unavailable,
        _ => StoreFault.None,
    };

    /// <summary>A unique key is taken.</summary>
    /// <remarks>Servers that speak the protocol, and are not MongoDB, may report it as internal error inside of findAndModify.</remarks>
    public static bool IsDuplicateKey(MongoException exception) => exception switch
    {
        MongoWriteException { WriteError.Category: ServerErrorCategory.DuplicateKey } => true,
        MongoCommandException { Code: DuplicateKey } => true,
        MongoCommandException { Code: InternalError } command => command.Message.Contains("duplicate key", StringComparison.OrdinalIgnoreCase),
        MongoBulkWriteException { WriteConcernError: null, WriteErrors: [_, ..] errors } =>
            errors.All(error => error.Category == ServerErrorCategory.DuplicateKey),
        _ => false,
    };
}
