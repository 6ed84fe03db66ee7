using Tertulia.Messages.Storage;

namespace Tertulia.Conformance.Stores;

/// <summary>Requests with a key: one attempt has a request, until it is answered or its time is over.</summary>
public abstract class RequestConformance(IStoreDatabase database) : StoreConformance(database)
{
    private const long Now = 1_900_000_000_000;
    private const long Lease = 30_000;
    private const int Max = 3;

    [Fact]
    public async Task One_of_many_attempts_takes_it_and_the_others_get_what_it_answered()
    {
        IRequestRecords[] processes = [Database.OpenRequests(), Database.OpenRequests()];

        var tries = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => processes[i % 2].BeginAsync(Of("ana", "r1", $"c{i}"), Max, Deadline)));

        var claim = $"c{Array.FindIndex(tries, one => one.Taken)}";
        Assert.Single(tries, one => one.Taken);
        Assert.All(tries.Where(one => !one.Taken), one => Assert.Equal(("body", 0), (one.Known!.Fingerprint, one.Known.Answer.Length)));
        await processes[1].FinishAsync("ana", "r1", claim, [1, 2, 3], Now + 90_000, Deadline);
        foreach (var process in processes)
        {
            var (taken, known) = await process.BeginAsync(Of("ana", "r1", "again", Now + 89_999), Max, Deadline);
            Assert.Equal((false, "body", "1 2 3"), (taken, known!.Fingerprint, string.Join(' ', known.Answer)));
        }

        Assert.True((await processes[0].BeginAsync(Of("ana", "r1", "later", Now + 90_000), Max, Deadline)).Taken);
    }

    [Fact]
    public async Task Requests_of_other_users_and_other_requests_are_others()
    {
        var records = Database.OpenRequests();

        foreach (var (user, request) in new[] { ("ana", "r1"), ("ana", "r2"), ("bruno", "r1") })
        {
            Assert.True((await records.BeginAsync(Of(user, request, "c"), Max, Deadline)).Taken);
        }
    }

    [Fact]
    public async Task Who_says_nothing_in_time_loses_it_and_ends_nothing_afterwards()
    {
        var records = Database.OpenRequests();
        Assert.True((await records.BeginAsync(Of("ana", "r1", "first"), Max, Deadline)).Taken);
        Assert.False((await records.BeginAsync(Of("ana", "r1", "early", Now + Lease - 1), Max, Deadline)).Taken);
        Assert.True((await records.BeginAsync(Of("ana", "r1", "second", Now + Lease), Max, Deadline)).Taken);

        await records.FinishAsync("ana", "r1", "first", [9], Now + 90_000, Deadline);
        await records.ReleaseAsync("ana", "r1", "first", Deadline);
        Assert.Empty((await records.BeginAsync(Of("ana", "r1", "third", Now + Lease), Max, Deadline)).Known!.Answer);
        await records.FinishAsync("ana", "r1", "second", [2], Now + 90_000, Deadline);
        await records.ReleaseAsync("ana", "r1", "second", Deadline); // Too late.

        Assert.Equal([2], (await records.BeginAsync(Of("ana", "r1", "fourth"), Max, Deadline)).Known!.Answer);
    }

    [Fact]
    public async Task What_is_given_up_can_be_taken_at_once()
    {
        var records = Database.OpenRequests();
        Assert.True((await records.BeginAsync(Of("ana", "r1", "first"), Max, Deadline)).Taken);
        await records.ReleaseAsync("ana", "r1", "first", Deadline);

        Assert.True((await records.BeginAsync(Of("ana", "r1", "second") with { Fingerprint = "another body" }, Max, Deadline)).Taken);
    }

    [Fact]
    public async Task A_user_has_so_many_and_what_is_over_makes_room()
    {
        var records = Database.OpenRequests();
        for (var i = 0; i < Max; i++)
        {
            Assert.True((await records.BeginAsync(Of("ana", $"r{i}", "c"), Max, Deadline)).Taken);
        }

        Assert.Equal((false, null), await records.BeginAsync(Of("ana", "more", "c"), Max, Deadline));
        Assert.NotNull((await records.BeginAsync(Of("ana", "r0", "c"), Max, Deadline)).Known);
        Assert.True((await records.BeginAsync(Of("bruno", "more", "c"), Max, Deadline)).Taken);
        Assert.True((await records.BeginAsync(Of("ana", "unlimited", "c"), int.MaxValue, Deadline)).Taken);
        await records.ForgetAsync(Now + Lease, Deadline);

        Assert.True((await records.BeginAsync(Of("ana", "more", "c"), Max, Deadline)).Taken);
    }

    private static RequestClaim Of(string user, string request, string claim, long nowMs = Now) => new(user, request, "body", claim, nowMs, nowMs + Lease);
}
