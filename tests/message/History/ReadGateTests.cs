using Microsoft.Extensions.Options;
using Tertulia.Messages.History;
using Tertulia.Messages.Storage;
using Tertulia.Testing;

namespace Tertulia.Messages.Tests.History;

public sealed class ReadGateTests : IDisposable
{
    private readonly ReadGate _gate = new(Options.Create(new ReadOptions { Concurrency = 2 }));
    private readonly TaskCompletionSource<int> _store = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _started;

    public void Dispose() => _gate.Dispose();

    [Fact]
    public async Task Only_so_many_reads_are_at_the_store()
    {
        var reads = Enumerable.Range(0, 5).Select(_ => _gate.RunAsync(ReadAsync, CancellationToken.None)).ToArray();

        Assert.Equal(2, _started);

        _store.SetResult(7);
        Assert.All(await Eventually.CompletesAsync(Task.WhenAll(reads), "all reads end"), result => Assert.Equal(7, result));
        Assert.Equal(5, _started);
    }

    [Fact]
    public async Task A_caller_that_gives_up_before_its_turn_starts_nothing()
    {
        using var patience = new CancellationTokenSource();
        Task[] underWay = [_gate.RunAsync(ReadAsync, CancellationToken.None), _gate.RunAsync(ReadAsync, CancellationToken.None)];
        var waiting = _gate.RunAsync(ReadAsync, patience.Token);

        await patience.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Eventually.CompletesAsync(waiting, "the caller is let go"));
        _store.SetResult(7);
        await Eventually.CompletesAsync(Task.WhenAll(underWay), "the others end");
        Assert.Equal(2, _started);
    }

    [Fact]
    public async Task A_caller_that_gives_up_later_is_let_go_and_its_read_keeps_its_place_until_it_ends()
    {
        using var patience = new CancellationTokenSource();
        var left = _gate.RunAsync(ReadAsync, patience.Token);
        var other = _gate.RunAsync(ReadAsync, CancellationToken.None);

        await patience.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Eventually.CompletesAsync(left, "the caller is let go"));
        var next = _gate.RunAsync(ReadAsync, CancellationToken.None);
        Assert.Equal(2, _started);

        _store.SetResult(7);
        await Eventually.CompletesAsync(Task.WhenAll(other, next), "both reads end");
        Assert.Equal(3, _started);
    }

    [Fact]
    public async Task A_failure_is_the_callers_to_see()
    {
        var read = _gate.RunAsync(ReadAsync, CancellationToken.None);

        _store.SetException(new StoreUnavailableException("away"));

        await Assert.ThrowsAsync<StoreUnavailableException>(() => Eventually.CompletesAsync(read, "the read fails"));
    }

    private Task<int> ReadAsync()
    {
        Interlocked.Increment(ref _started);
        return _store.Task;
    }

    [Theory]
    [InlineData(StoreKind.Postgres, "Host=x", 92, true)]
    [InlineData(StoreKind.Postgres, "Host=x", 93, false)]
    [InlineData(StoreKind.Postgres, "Host=x;Maximum Pool Size=20", 16, false)]
    [InlineData(StoreKind.MongoDb, "mongodb://x", 92, true)]
    [InlineData(StoreKind.MongoDb, "mongodb://x/?maxPoolSize=20", 16, false)]
    [InlineData(StoreKind.Sqlite, "", 1000, true)]
    public void Reads_leave_connections_of_the_pool_to_the_others(StoreKind kind, string connectionString, int concurrency, bool isRight)
    {
        var rules = new ReadOptionsRules(Options.Create(new StoreOptions { Kind = kind, ConnectionString = connectionString }));

        var failure = rules.Validate(null, new ReadOptions { Concurrency = concurrency }).FailureMessage;

        Assert.Equal(isRight, failure is null);
        Assert.True(isRight || failure!.Contains(kind == StoreKind.MongoDb ? "maxPoolSize=" : "Maximum Pool Size=", StringComparison.Ordinal));
    }
}
