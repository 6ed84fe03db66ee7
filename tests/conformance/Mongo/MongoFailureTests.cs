using System.Net;
using MongoDB.Bson;
using MongoDB.Driver;
using MongoDB.Driver.Core.Clusters;
using MongoDB.Driver.Core.Connections;
using MongoDB.Driver.Core.Servers;
using Tertulia.Mongo;

namespace Tertulia.Conformance.Mongo;

/// <summary>What the driver's failures mean, without a server.</summary>
public sealed class MongoFailureTests
{
    [Theory]
    [InlineData(11000, "E11000 duplicate key error collection: x index: _id_", true)]
    [InlineData(1, "Duplicate key in findAndModify", true)]
    [InlineData(1, "out of luck", false)]
    [InlineData(50, "operation exceeded time limit", false)]
    public void A_taken_key_is_told_as_such_or_as_an_internal_error(int code, string message, bool isDuplicate) =>
        Assert.Equal(isDuplicate, MongoFaults.IsDuplicateKey(CommandFailure(code, message)));

    [Theory]
    [InlineData(10334, StoreFault.Rejected)]
    [InlineData(17280, StoreFault.Rejected)]
    [InlineData(10107, StoreFault.Unavailable)] // Not the primary any more.
    [InlineData(64, StoreFault.Unavailable)] // The write concern was not satisfied in time.
    public void A_value_that_no_server_takes_is_rejected_and_everything_else_may_be_tried_again(int code, StoreFault fault) =>
        Assert.Equal(fault, MongoFaults.Of(CommandFailure(code, "no")));

    [Fact]
    public void What_is_not_the_databases_fault_stays_what_it_is()
    {
        Assert.Equal(StoreFault.None, MongoFaults.Of(new InvalidOperationException("ours")));
        Assert.Equal(StoreFault.Unavailable, MongoFaults.Of(new TimeoutException("no server")));
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_unavailable_within_the_time_out()
    {
        await using var connection = new MongoConnection(new StoreOptions
        {
            Kind = StoreKind.MongoDb, ConnectionString = "mongodb://127.0.0.1:1/x", CommandTimeout = TimeSpan.FromSeconds(1),
        });

        await Assert.ThrowsAsync<StoreUnavailableException>(() => connection.PingAsync(CancellationToken.None)).WaitAsync(TimeSpan.FromSeconds(30));
    }

    private static MongoCommandException CommandFailure(int code, string message) => new(
        new ConnectionId(new ServerId(new ClusterId(), new DnsEndPoint("localhost", 1))), message, new BsonDocument("findAndModify", "x"),
        new BsonDocument { { "ok", 0 }, { "code", code }, { "errmsg", message } });
}
