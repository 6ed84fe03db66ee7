using Microsoft.Extensions.Time.Testing;
using Tertulia.Notifications.Jobs;
using Tertulia.Notifications.Storage;

namespace Tertulia.Conformance.Notifications;

/// <summary>Jobs are given out when they are due, to one at a time, and stay until they are done.</summary>
public abstract class JobConformance(NotificationDatabase database) : IAsyncLifetime
{
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 11, 27, 8, 0, 0, TimeSpan.Zero));
    private NotificationStore _store = null!;
    private JobStore _jobs = null!;

    private static CancellationToken Deadline => new CancellationTokenSource(TimeSpan.FromSeconds(60)).Token;

    private DateTimeOffset Now => _time.GetUtcNow();

    public async Task InitializeAsync()
    {
        _store = await database.OpenAsync();
        await _store.InitializeAsync(Deadline);
        _jobs = new JobStore(_store, _time);
    }

    public async Task DisposeAsync()
    {
        await _store.DisposeAsync();
        await database.DropAsync();
    }

    [Fact]
    public async Task A_job_is_given_out_when_it_is_due_and_only_once()
    {
        await PutAsync("a", "body", Now + Second);

        Assert.Empty(await ClaimAsync());
        _time.Advance(Second);
        var given = Assert.Single(await ClaimAsync());
        Assert.Empty(await ClaimAsync());

        var job = await BeginAsync(given);
        Assert.Equal(("a", "kind", "body", 0), (job!.Key, job.Kind, job.Body, job.Attempts));
        await _jobs.NoteAsync(job, JobResult.Done, Deadline);
        _time.Advance(Lease * 2);
        Assert.Empty(await ClaimAsync());
    }

    [Fact]
    public async Task What_was_given_to_a_process_that_was_the_only_one_is_given_to_its_successor()
    {
        await PutAsync("given", "", Now);
        await PutAsync("begun", "", Now);
        await PutAsync("failed", "", Now);
        await PutAsync("later", "", Now + Second);
        var given = (await ClaimAsync()).ToDictionary(message => message.Key);
        await BeginAsync(given["begun"]);
        await _jobs.NoteAsync((await BeginAsync(given["failed"]))!, JobResult.Failed("no"), Deadline);

        Assert.Equal(2, await _jobs.ReleaseAllAsync(Deadline));

        Assert.Equal(["begun", "given"], (await ClaimAsync()).Select(message => message.Key).Order(StringComparer.Ordinal));
        Assert.Null(await BeginAsync(given["given"])); // What the queues of the process before held means nothing any more.
    }

    [Fact]
    public async Task Replicas_that_look_at_once_share_the_jobs()
    {
        for (var i = 0; i < 50; i++)
        {
            await PutAsync($"job {i}", "", Now);
        }

        var claims = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => ClaimAsync()));

        Assert.Equal(50, claims.Sum(claim => claim.Count));
        Assert.Equal(50, claims.SelectMany(claim => claim).Select(message => message.Key).Distinct(StringComparer.Ordinal).Count());
    }

    [Fact]
    public async Task A_job_whose_replica_is_gone_is_given_out_again_and_the_first_one_is_too_late()
    {
        await PutAsync("a", "", Now);
        var first = Assert.Single(await ClaimAsync());
        var begun = await BeginAsync(first);

        _time.Advance(Lease);
        var second = Assert.Single(await ClaimAsync());

        Assert.Null(await BeginAsync(first));
        await _jobs.NoteAsync(begun!, JobResult.Done, Deadline);
        Assert.NotNull(await BeginAsync(second));
    }

    [Fact]
    public async Task A_job_that_reached_nobody_is_due_again_and_its_claim_is_void()
    {
        await PutAsync("a", "", Now);
        var first = Assert.Single(await ClaimAsync());

        await _jobs.ReleaseAsync(first, Deadline);

        Assert.Null(await BeginAsync(first));
        Assert.NotNull(await BeginAsync(Assert.Single(await ClaimAsync())));
    }

    [Fact]
    public async Task A_job_that_is_put_off_is_due_later_and_remembers_how_often()
    {
        await PutAsync("a", "", Now);
        var job = await BeginAsync(Assert.Single(await ClaimAsync()));

        await _jobs.NoteAsync(job!, JobResult.Later(Now + Second), Deadline);

        Assert.Empty(await ClaimAsync());
        _time.Advance(Second);
        Assert.Equal(1, (await BeginAsync(Assert.Single(await ClaimAsync())))!.Attempts);
    }

    [Fact]
    public async Task A_job_that_waits_takes_the_new_body_and_the_earlier_time()
    {
        await PutAsync("a", "old", Now + (Second * 2));
        await PutAsync("a", "new", Now + (Second * 5));

        _time.Advance(Second * 2);
        Assert.Equal("new", (await BeginAsync(Assert.Single(await ClaimAsync())))!.Body);

        await PutAsync("b", "old", Now + (Second * 5));
        await PutAsync("b", "new", Now);
        Assert.Equal("b", Assert.Single(await ClaimAsync()).Key);
    }

    [Theory]
    [InlineData("Done")]
    [InlineData("Later")]
    [InlineData("Failed")]
    [InlineData("Ended")]
    public async Task A_job_that_is_decided_anew_while_it_is_done_is_done_again_at_the_new_time(string outcome)
    {
        await PutAsync("a", "old", Now);
        var job = await BeginAsync(Assert.Single(await ClaimAsync()));
        await PutAsync("a", "new", Now + Second);
        Assert.Empty(await ClaimAsync());

        if (outcome == "Ended")
        {
            Assert.True(await _store.WriteAsync(round => round.Jobs.EndAsync(job!), Deadline));
        }
        else
        {
            await _jobs.NoteAsync(job!, new JobResult(Enum.Parse<JobOutcome>(outcome), Now + (Second * 60), "no"), Deadline);
        }

        Assert.Empty(await ClaimAsync());
        _time.Advance(Second);
        Assert.Equal(("new", 0), await BeginAsync(Assert.Single(await ClaimAsync())) is { } again ? (again.Body, again.Attempts) : default);
    }

    [Fact]
    public async Task A_job_is_ended_together_with_what_was_written_or_not_at_all()
    {
        await PutAsync("a", "", Now);
        var late = await BeginAsync(Assert.Single(await ClaimAsync()));
        _time.Advance(Lease);
        var job = await BeginAsync(Assert.Single(await ClaimAsync()));

        Assert.False(await _store.WriteAsync(round => round.Jobs.EndAsync(late!), Deadline));
        Assert.True(await _store.WriteAsync(round => round.Jobs.EndAsync(job!), Deadline));

        _time.Advance(Lease * 2);
        Assert.Empty(await ClaimAsync());
    }

    [Fact]
    public async Task What_failed_is_listed_and_replayed_or_dropped()
    {
        foreach (var key in new[] { "a", "b", "c" })
        {
            await PutAsync(key, "", Now);
            var job = await BeginAsync(Assert.Single(await ClaimAsync()));
            await _jobs.NoteAsync(job!, JobResult.Failed($"no {key}"), Deadline);
            _time.Advance(Second);
        }

        Assert.Empty(await ClaimAsync());
        var first = await _jobs.ListFailedAsync("", null, 2, Deadline);
        var second = await _jobs.ListFailedAsync("kind", first[^1], 2, Deadline);
        Assert.Equal(["a: no a", "b: no b", "c: no c"], first.Concat(second).Select(job => $"{job.Key}: {job.Error}"));
        Assert.Empty(await _jobs.ListFailedAsync("other", null, 2, Deadline));

        Assert.Equal(1, await _jobs.ReplayAsync("", "b", Deadline));
        Assert.Equal("b", Assert.Single(await ClaimAsync()).Key);
        Assert.Equal(0, await _jobs.DropAsync("other", "", Deadline));
        Assert.Equal(1, await _jobs.DropAsync("kind", "c", Deadline));
        Assert.Equal("a", Assert.Single(await _jobs.ListFailedAsync("", null, 10, Deadline)).Key);
        Assert.Equal(1, await _jobs.ReplayAsync("", "", Deadline));
        Assert.Equal("a", Assert.Single(await ClaimAsync()).Key);
    }

    [Fact]
    public async Task A_failed_job_that_is_decided_anew_is_no_longer_failed()
    {
        await PutAsync("a", "", Now);
        await _jobs.NoteAsync((await BeginAsync(Assert.Single(await ClaimAsync())))!, JobResult.Failed("no"), Deadline);

        await PutAsync("a", "new", Now);

        Assert.Empty(await _jobs.ListFailedAsync("", null, 10, Deadline));
        Assert.Equal("new", (await BeginAsync(Assert.Single(await ClaimAsync())))!.Body);
    }

    private Task PutAsync(string key, string body, DateTimeOffset due) => _store.WriteAsync(
        async round =>
        {
            await round.Jobs.PutAsync(key, "kind", body, due, Now);
            return true;
        },
        Deadline);

    private Task<List<JobMessage>> ClaimAsync() => _jobs.ClaimAsync(Lease, 200, Deadline);

    private Task<Job?> BeginAsync(JobMessage message) => _jobs.BeginAsync(message, Lease, Deadline);
}
