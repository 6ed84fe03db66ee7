using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Json;
using Microsoft.Extensions.DependencyInjection;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;
using Tertulia.Notifications.Jobs;
using Tertulia.Notifications.Storage;
using Tertulia.Notifications.Storage.Sql;
using Tertulia.Notifications.Tests.Support;
using Tertulia.Testing;

namespace Tertulia.Notifications.Tests.Jobs;

/// <summary>Jobs are done, tried again, put off, and kept when they fail: the same on both transports.</summary>
public abstract class JobTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tertulia-jobs-").FullName;
    private readonly Handler _handler = new();

    private protected ConcurrentQueue<string> HandlerDone => _handler.Done;

    /// <summary>Settings that choose the transport.</summary>
    private protected abstract string[] Transport { get; }

    public void Dispose()
    {
        GC.SuppressFinalize(this);
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Every_job_is_done_once()
    {
        await using var service = await StartAsync();

        await Task.WhenAll(Enumerable.Range(0, 100).Select(number => PutAsync(service, $"job {number}", $"{number}")));

        await Eventually.HoldsAsync(() => _handler.Done.Count == 100, "all are done", () => $"{_handler.Done.Count}");
        Assert.Equal(100, _handler.Done.Distinct(StringComparer.Ordinal).Count());
        await Eventually.EqualsAsync(0L, () => RowsAsync(service));
        Assert.Equal(100, _handler.Runs);
    }

    [Fact]
    public async Task What_throws_is_tried_again()
    {
        await using var service = await StartAsync();
        _handler.Behave = run => run <= 2 ? throw new InvalidOperationException("not yet") : JobResult.Done;

        await PutAsync(service, "a", "body");

        await Eventually.HoldsAsync(() => _handler.Done.Contains("body"), "it is done");
        Assert.Equal(3, _handler.Runs);
    }

    [Fact]
    public async Task What_is_put_off_is_done_later()
    {
        await using var service = await StartAsync();
        _handler.Behave = run => run == 1 ? JobResult.Later(DateTimeOffset.UtcNow.AddMilliseconds(300)) : JobResult.Done;

        await PutAsync(service, "a", "body");

        await Eventually.HoldsAsync(() => _handler.Done.Contains("body"), "it is done");
        Assert.Equal(2, _handler.Runs);
    }

    [Fact]
    public async Task What_always_throws_is_in_the_error_queue_until_an_operator_replays_it()
    {
        await using var service = await StartAsync("Jobs:Retries=1");
        _handler.Behave = _ => throw new InvalidOperationException("never");
        await PutAsync(service, "a", "secret");
        await Eventually.EqualsAsync(1, async () => (await FailedAsync(service)).Items.Count);

        var failed = Assert.Single((await FailedAsync(service)).Items);
        Assert.Equal(("a", "test", "InvalidOperationException: never", 2), (failed.Key, failed.Kind, failed.Error, _handler.Runs));
        _handler.Behave = _ => JobResult.Done;
        using var replay = await service.Admin.PostAsync(new Uri("/admin/jobs/failed/replay?kind=test", UriKind.Relative), null);

        Assert.Equal(1, (await replay.Content.ReadFromJsonAsync<FailedJobCount>())!.Count);
        Assert.Contains("\"jobs_replayed\"", Assert.Single(await BodiesAsync(service, "audit")), StringComparison.Ordinal); // Until the message service answers.
        await Eventually.HoldsAsync(() => _handler.Done.Contains("secret"), "it is done");
        Assert.Empty((await FailedAsync(service)).Items);
    }

    [Fact]
    public async Task The_error_queue_outlives_the_process_and_is_read_in_pages_and_emptied()
    {
        await using (var service = await StartAsync("Jobs:Retries=0"))
        {
            _handler.Behave = _ => JobResult.Failed("no");
            await PutAsync(service, "a", "");
            await PutAsync(service, "b", "");
            await Eventually.EqualsAsync(2, async () => (await FailedAsync(service)).Items.Count);
        }

        await using var next = await StartAsync();
        var first = await FailedAsync(next, "?limit=1");
        var second = await FailedAsync(next, $"?limit=1&after={first.Next}");
        using var bad = await next.Admin.GetAsync(new Uri("/admin/jobs/failed?after=xyz", UriKind.Relative));
        using var dropped = await next.Admin.DeleteAsync(new Uri("/admin/jobs/failed?key=a", UriKind.Relative));

        Assert.Equal(["a", "b"], first.Items.Concat(second.Items).Select(job => job.Key).Order(StringComparer.Ordinal));
        Assert.Equal(HttpStatusCode.BadRequest, bad.StatusCode);
        Assert.Equal("b", Assert.Single((await FailedAsync(next)).Items).Key);
    }

    [Fact]
    public async Task A_job_that_was_given_out_when_the_process_died_is_done_by_the_next_one()
    {
        await using (var service = await StartAsync())
        {
            var jobs = service.Get<JobStore>();
            await service.Get<NotificationStore>().WriteAsync(async round =>
            {
                await round.Jobs.PutAsync("a", "test", "body", DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(-1));
                return true;
            }, CancellationToken.None);
            await jobs.ClaimAsync(TimeSpan.FromSeconds(1), 1, CancellationToken.None); // Given out, and nobody does it.
        }

        await using var next = await StartAsync();

        await Eventually.HoldsAsync(() => _handler.Done.Contains("body"), "it is done");
    }

    private static async Task<FailedJobPage> FailedAsync(TestService service, string query = "") =>
        (await service.Admin.GetFromJsonAsync<FailedJobPage>($"/admin/jobs/failed{query}"))!;

    private static Task<List<string>> BodiesAsync(TestService service, string kind) => service.Sql.ReadSqlAsync(
        command => command.With("select body from notification_jobs where kind = @kind", ("kind", kind)).ListAsync(row => row.GetString(0)), CancellationToken.None);

    private static Task<long> RowsAsync(TestService service) => service.Sql.ReadSqlAsync(
        async command => (long)(await command.With("select count(*) from notification_jobs").ExecuteScalarAsync(CancellationToken.None))!, CancellationToken.None);

    private protected static async Task PutAsync(TestService service, string key, string body)
    {
        await service.Get<NotificationStore>().WriteAsync(async round =>
        {
            await round.Jobs.PutAsync(key, "test", body, DateTimeOffset.UtcNow, DateTimeOffset.UtcNow);
            return true;
        }, CancellationToken.None);
        service.Get<JobStore>().Ring();
    }

    private protected Task<TestService> StartAsync(params string[] settings) =>
        TestService.StartAsync(services => services.AddSingleton<IJobHandler>(_handler), _folder, [.. Transport, .. settings]);

    private protected sealed class Handler : IJobHandler
    {
        private int _runs;

        public string Kind => "test";

        /// <summary>Bodies, in the order in which they were done.</summary>
        public ConcurrentQueue<string> Done { get; } = [];

        public int Runs => _runs;

        /// <summary>Given the number of the run.</summary>
        public Func<int, JobResult> Behave { get; set; } = _ => JobResult.Done;

        public Task<JobResult> RunAsync(Job job, CancellationToken cancellationToken)
        {
            var result = Behave(Interlocked.Increment(ref _runs));
            if (result.Outcome == JobOutcome.Done)
            {
                Done.Enqueue(job.Body);
            }

            return Task.FromResult(result);
        }
    }
}

public sealed class InMemoryJobTests : JobTests
{
    private protected override string[] Transport => [];
}

[Trait(Needs.Trait, Needs.RabbitMq)]
public sealed class RabbitMqJobTests(RabbitMqFixture rabbit) : JobTests, IClassFixture<RabbitMqFixture>
{
    private readonly string _prefix = $"jobs-{Guid.NewGuid():N}"[..20];

    private protected override string[] Transport => ["Bus:Kind=RabbitMq", $"Bus:RabbitMq:Uri={rabbit.Broker.Uri}", $"Bus:RabbitMq:Prefix={_prefix}"];

    [Fact]
    public async Task Its_queues_are_quorum_queues()
    {
        await using var service = await StartAsync();
        await using var connection = await new ConnectionFactory { Uri = rabbit.Broker.Uri }.CreateConnectionAsync();

        await using var channel = await connection.CreateChannelAsync();
        var same = await channel.QueueDeclareAsync(
            $"{_prefix}.jobs.test", durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-queue-type"] = "quorum" });
        var other = await Assert.ThrowsAsync<OperationInterruptedException>(() => channel.QueueDeclareAsync(
            $"{_prefix}.jobs.test", durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-queue-type"] = "classic" }));

        Assert.Equal($"{_prefix}.jobs.test", same.QueueName);
        Assert.Contains("x-queue-type", other.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Jobs_that_were_decided_while_the_broker_was_away_are_done_when_it_is_back()
    {
        await using var service = await StartAsync();
        await PutAsync(service, "before", "before");
        await Eventually.HoldsAsync(() => HandlerDone.Contains("before"), "it is done");

        // Stopped, not killed: RabbitMQ forgets a quorum queue that it was killed within half a second of making.
        await rabbit.Broker.Process.TerminateAsync(TimeSpan.FromSeconds(60), CancellationToken.None);
        await PutAsync(service, "meanwhile", "meanwhile");
        await rabbit.Broker.Process.RestartAsync(CancellationToken.None);

        await Eventually.HoldsAsync(() => HandlerDone.Contains("meanwhile"), "it is done", within: TimeSpan.FromMinutes(2));
    }
}

/// <summary>A broker for one class.</summary>
public sealed class RabbitMqFixture : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tertulia-rabbitmq-").FullName;

    public PrivateRabbitMq Broker { get; private set; } = null!;

    public async Task InitializeAsync() =>
        Broker = await PrivateRabbitMq.StartAsync(_folder, Path.Combine(_folder, "start.log"), CancellationToken.None);

    public async Task DisposeAsync()
    {
        await Broker.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}
