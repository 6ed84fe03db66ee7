using MongoDB.Bson;
using MongoDB.Driver;
using Tertulia.Mongo;
using Tertulia.Notifications.Jobs;

namespace Tertulia.Notifications.Storage.Mongo;

/// <summary>Jobs on MongoDB: a document each, under its key. <c>rev</c> is another one after every change, so that a change is made to what was read.</summary>
/// <remarks><c>next</c> is when the job is given out, the later one of when it is due and when its lease ends; a failed one has none.</remarks>
internal sealed class MongoJobRows(NotificationCollections collections, MongoRound round) : IJobRows
{
    private const string Kind = "kind";
    private const string Body = "body";
    private const string Version = "version";
    private const string Claim = "claim";
    private const string Attempts = "attempts";
    private const string Created = "created";
    private const string Due = "due";
    private const string Leased = "leased";
    private const string Next = "next";
    private const string Failed = "failed";
    private const string Error = "error";
    private const string Revision = "rev";
    private const string Holder = "holder";

    private static readonly FindOneAndUpdateOptions<BsonDocument> ReturnAfter = new() { ReturnDocument = ReturnDocument.After };

    private IMongoCollection<BsonDocument> Jobs => collections.Jobs;

    public async Task PutAsync(string key, string kind, string body, DateTimeOffset due, DateTimeOffset now)
    {
        var (dueMs, nowMs) = (due.ToUnixTimeMilliseconds(), now.ToUnixTimeMilliseconds());
        while (true)
        {
            var known = await Jobs.Find(new BsonDocument("_id", key)).FirstOrDefaultAsync(CancellationToken.None);
            if (known is null)
            {
                if ((await Jobs.InsertAbsentAsync([New(key, kind, body, nowMs).Add(Due, dueMs).Add(Next, dueMs)])).Count == 0)
                {
                    return;
                }

                continue;
            }

            var (leased, isFailed) = (known[Leased].AsInt64, known.Contains(Failed));
            var earlier = !isFailed && known[Due].AsInt64 < dueMs ? known[Due].AsInt64 : dueMs;
            var fields = new BsonDocument
            {
                { Body, body }, { Attempts, 0 }, { Created, nowMs }, { Due, leased <= nowMs ? earlier : dueMs }, { Next, leased > nowMs ? leased : earlier },
            };
            var updated = await Jobs.UpdateOneAsync(
                new BsonDocument { { "_id", key }, { Revision, known[Revision] } },
                Changed(fields, Version).Add("$unset", new BsonDocument { { Failed, "" }, { Error, "" } }), cancellationToken: CancellationToken.None);
            if (updated.MatchedCount > 0)
            {
                return;
            }
        }
    }

    public Task PutFailedAsync(string key, string kind, string body, string error, DateTimeOffset now)
    {
        var nowMs = now.ToUnixTimeMilliseconds();
        return Jobs.InsertAbsentAsync([New(key, kind, body, nowMs).Add(Due, nowMs).Add(Failed, nowMs).Add(Error, error)]);
    }

    // Whose it is, is known before anything is written for it; it ends when all is.
    public async Task<bool> EndAsync(Job job)
    {
        if (!await Jobs.Find(new BsonDocument { { "_id", job.Key }, { Claim, job.Claim } }).AnyAsync(CancellationToken.None))
        {
            return false;
        }

        round.Last(async () =>
        {
            if ((await Jobs.DeleteOneAsync(Mine(job), CancellationToken.None)).DeletedCount == 0)
            {
                await ReleaseAsync(job.Key, job.Claim);
            }
        });
        return true;
    }

    public async Task<List<JobMessage>> ClaimAsync(DateTimeOffset now, DateTimeOffset until, int limit)
    {
        var isDue = new BsonDocument(Next, Documents.UpTo(now.ToUnixTimeMilliseconds()));
        var due = await Jobs.Find(isDue).Sort(new BsonDocument(Next, 1)).Limit(limit).Project(new BsonDocument("_id", 1)).ToListAsync(CancellationToken.None);
        if (due.Count == 0)
        {
            return [];
        }

        // Each document is taken by one replica: by the others it is not found as due any more.
        var keys = new BsonDocument("_id", Documents.In(due.Select(job => job["_id"])));
        var (holder, untilMs) = (Guid.CreateVersion7().ToString("N"), until.ToUnixTimeMilliseconds());
        await Jobs.UpdateManyAsync(
            new BsonDocument(keys).AddRange(isDue), Changed(new BsonDocument { { Leased, untilMs }, { Next, untilMs }, { Holder, holder } }, Claim),
            cancellationToken: CancellationToken.None);
        var claimed = await Jobs.Find(new BsonDocument(keys).Add(Holder, holder)).Project(new BsonDocument { { Kind, 1 }, { Claim, 1 } })
            .ToListAsync(CancellationToken.None);
        return claimed.ConvertAll(job => new JobMessage { Key = job["_id"].AsString, Kind = job[Kind].AsString, Claim = job[Claim].AsInt64 });
    }

    public async Task ReleaseAsync(string key, long claim)
    {
        while (await Jobs.Find(new BsonDocument { { "_id", key }, { Claim, claim } }).FirstOrDefaultAsync(CancellationToken.None) is { } job)
        {
            var fields = new BsonDocument(Leased, 0L);
            if (!job.Contains(Failed))
            {
                fields.Add(Next, job[Due]);
            }

            var updated = await Jobs.UpdateOneAsync(
                new BsonDocument { { "_id", key }, { Revision, job[Revision] } }, Changed(fields), cancellationToken: CancellationToken.None);
            if (updated.MatchedCount > 0)
            {
                return;
            }
        }
    }

    public async Task<int> ReleaseAllAsync()
    {
        var given = await Jobs.Find(new BsonDocument { { Leased, new BsonDocument("$gt", 0L) }, { Failed, new BsonDocument("$exists", false) } })
            .Project(new BsonDocument(Claim, 1)).ToListAsync(CancellationToken.None);
        foreach (var job in given)
        {
            await ReleaseAsync(job["_id"].AsString, job[Claim].AsInt64);
        }

        return given.Count;
    }

    public async Task<Job?> BeginAsync(JobMessage message, DateTimeOffset until)
    {
        var untilMs = until.ToUnixTimeMilliseconds();
        var begun = await Jobs.FindOneAndUpdateAsync(
            new BsonDocument
            {
                { "_id", message.Key }, { Claim, message.Claim }, { Leased, new BsonDocument("$gt", 0L) }, { Failed, new BsonDocument("$exists", false) },
            },
            Changed(new BsonDocument { { Leased, untilMs }, { Next, untilMs } }), ReturnAfter, CancellationToken.None);
        return begun is null ? null : new Job(
            begun["_id"].AsString, begun[Kind].AsString, begun[Body].AsString, begun[Version].AsInt64, begun[Claim].AsInt64, begun[Attempts].AsInt32,
            begun.TimeOf(Created)!.Value);
    }

    public async Task NoteAsync(Job job, JobResult result, DateTimeOffset now)
    {
        var isNoted = result.Outcome switch
        {
            JobOutcome.Done => (await Jobs.DeleteOneAsync(Mine(job), CancellationToken.None)).DeletedCount > 0,
            JobOutcome.Later => await TryUpdateAsync(
                job, Changed(new BsonDocument { { Leased, 0L }, { Due, result.At.ToUnixTimeMilliseconds() },
                    { Next, result.At.ToUnixTimeMilliseconds() } }, attempts: 1)),
            JobOutcome.Failed => await TryUpdateAsync(
                job,
                Changed(new BsonDocument { { Failed, now.ToUnixTimeMilliseconds() }, { Error, result.Error }, { Leased, 0L } })
                .Add("$unset", new BsonDocument(Next, ""))),
            _ => true,
        };
        if (!isNoted)
        {
            await ReleaseAsync(job.Key, job.Claim);
        }
    }

    public async Task<List<FailedJob>> ListFailedAsync(string kind, FailedJob? after, int limit)
    {
        var afterMs = after?.FailedAt.ToUnixTimeMilliseconds() ?? -1;
        var filter = new BsonDocument("$or", new BsonArray
        {
            new BsonDocument(Failed, new BsonDocument("$gt", afterMs)),
            new BsonDocument { { Failed, afterMs }, { "_id", new BsonDocument("$gt", after?.Key ?? "") } },
        }).AddText(Kind, kind);
        var failed = await Jobs.Find(filter).Sort(new BsonDocument { { Failed, 1 }, { "_id", 1 } }).Limit(limit).ToListAsync(CancellationToken.None);
        return failed.ConvertAll(job => new FailedJob(
            job["_id"].AsString, job[Kind].AsString, job[Attempts].AsInt32, job[Error].AsString, job.TimeOf(Created)!.Value, job.TimeOf(Failed)!.Value));
    }

    // How many they are may be written down before they are changed.
    public Task<int> ReplayAsync(string kind, string key, DateTimeOffset now) => ChangeFailedAsync(kind, key, now, filter => Jobs.UpdateManyAsync(
        filter,
        Changed(new BsonDocument { { Attempts, 0 }, { Due, now.ToUnixTimeMilliseconds() }, { Next, now.ToUnixTimeMilliseconds() } })
            .Add("$unset", new BsonDocument { { Failed, "" }, { Error, "" } }),
        cancellationToken: CancellationToken.None));

    public Task<int> DropAsync(string kind, string key, DateTimeOffset now) =>
        ChangeFailedAsync(kind, key, now, filter => Jobs.DeleteManyAsync(filter, CancellationToken.None));

    private async Task<int> ChangeFailedAsync(string kind, string key, DateTimeOffset now, Func<BsonDocument, Task> change)
    {
        var filter = new BsonDocument(Failed, Documents.UpTo(now.ToUnixTimeMilliseconds())).AddText(Kind, kind).AddText("_id", key);
        var count = await Jobs.CountDocumentsAsync(filter, cancellationToken: CancellationToken.None);
        round.Last(() => change(filter));
        return (int)count;
    }

    private async Task<bool> TryUpdateAsync(Job job, BsonDocument update) =>
        (await Jobs.UpdateOneAsync(Mine(job), update, cancellationToken: CancellationToken.None)).MatchedCount > 0;

    private static BsonDocument Mine(Job job) => new() { { "_id", job.Key }, { Version, job.Version }, { Claim, job.Claim } };

    private static BsonDocument New(string key, string kind, string body, long nowMs) => new()
    {
        { "_id", key }, { Kind, kind }, { Body, body }, { Version, 1L }, { Claim, 0L }, { Attempts, 0 }, { Created, nowMs }, { Leased, 0L }, { Revision, 0L },
    };

    private static BsonDocument Changed(BsonDocument fields, string? counter = null, int attempts = 0)
    {
        var counters = new BsonDocument(Revision, 1L);
        if (counter is not null)
        {
            counters.Add(counter, 1L);
        }

        if (attempts > 0)
        {
            counters.Add(Attempts, attempts);
        }

        return new BsonDocument { { "$set", fields }, { "$inc", counters } };
    }
}
