using System.ComponentModel.DataAnnotations;
using System.Runtime.ExceptionServices;
using Microsoft.Extensions.Options;
using Tertulia.Mongo;

namespace Tertulia.Messages.History;

/// <summary>Lets so many reads at the store at the same time; the others wait for their turn.</summary>
/// <remarks>
/// A read that has begun is never cancelled, because cancelling a command costs the store a connection and the caller's thread a wait: it ends by the store's own
/// time-out, and keeps its place until then. A caller that gives up is let go at once. A caller that gave up before its turn starts nothing, so that a starved
/// service does not work for callers that are gone.
/// </remarks>
internal sealed class ReadGate(IOptions<ReadOptions> options) : IDisposable
{
    private readonly SemaphoreSlim _places = new(options.Value.Concurrency);

    /// <summary>Reads when it is its turn.</summary>
    /// <param name="read">Reads from the store, to its own end.</param>
    /// <param name="caller">Ends the caller's waiting.</param>
    /// <exception cref="OperationCanceledException">The caller gave up.</exception>
    public async Task<T> RunAsync<T>(Func<Task<T>> read, CancellationToken caller)
    {
        await _places.WaitAsync(caller);
        var outcome = await RunToEndAsync(read).WaitAsync(caller);
        outcome.Failure?.Throw();
        return outcome.Result!;
    }

    public void Dispose() => _places.Dispose();

    // Never fails, so that the failure of a read that its caller left is not an unobserved one.
    private async Task<(T? Result, ExceptionDispatchInfo? Failure)> RunToEndAsync<T>(Func<Task<T>> read)
    {
        try
        {
            return (await read(), null);
        }
        catch (Exception exception)
        {
            return (default, ExceptionDispatchInfo.Capture(exception));
        }
        finally
        {
            _places.Release();
        }
    }
}

/// <summary>Reads of rooms and histories over gRPC.</summary>
public sealed class ReadOptions
{
    internal const string Section = "Messages:Reads";

    /// <summary>Reads that are at the store at the same time; more wait for their turn.</summary>
    /// <value>1 to 1 000; default 16.</value>
    [Range(1, 1_000)]
    public int Concurrency { get; set; } = 16;

    /// <summary>Memory for the newest messages of rooms that are entered again and again, so that the store is only asked whether they are still the newest.</summary>
    /// <value>Bytes, 0 to 17 179 869 184; default 67 108 864; 0 turns it off.</value>
    [Range(0, 17_179_869_184)]
    public long CachedBytes { get; set; } = 64 * 1024 * 1024;
}

[OptionsValidator]
internal sealed partial class ReadOptionsValidator : IValidateOptions<ReadOptions>;

/// <summary>Reads leave places in the pool of connections: for appends, and for what the other features ask.</summary>
internal sealed class ReadOptionsRules(IOptions<StoreOptions> store) : IValidateOptions<ReadOptions>
{
    private const int OtherPlaces = 8;

    public ValidateOptionsResult Validate(string? name, ReadOptions options)
    {
        if (store.Value.Kind is not (StoreKind.Postgres or StoreKind.MongoDb))
        {
            return ValidateOptionsResult.Success;
        }

        var (pool, setting) = store.Value.Kind == StoreKind.Postgres
            ? (PostgresDialect.PoolSizeOf(store.Value), "Maximum Pool Size")
            : (MongoConnection.PoolSizeOf(store.Value), "maxPoolSize");
        return options.Concurrency + OtherPlaces <= pool
            ? ValidateOptionsResult.Success
            : ValidateOptionsResult.Fail(
                $"Messages:Reads:Concurrency ({options.Concurrency}) must leave {OtherPlaces} of the pool's connections ({setting}={pool} in Store:ConnectionString) to what is no read.");
    }
}
