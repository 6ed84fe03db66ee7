namespace Tertulia.Sql;

/// <summary>Whose fault a failure is.</summary>
public enum StoreFault
{
    /// <summary>Not the database's.</summary>
    None,

    /// <summary><see cref="StoreUnavailableException"/>.</summary>
    Unavailable,

    /// <summary><see cref="StoreRejectedException"/>.</summary>
    Rejected,
}

/// <summary>A database's failures in a store's words.</summary>
public static class StoreFaults
{
    /// <summary>Runs it to its own end; waits no longer than the dialect's time-out, or until the caller gives up.</summary>
    /// <remarks>A command whose caller gave up fails unseen, as when its answer was lost on the way.</remarks>
    /// <exception cref="StoreUnavailableException">The database does not answer.</exception>
    /// <exception cref="StoreRejectedException">It does not take a value.</exception>
    public static Task<T> TryAsync<T>(this ISqlDialect dialect, Func<Task<T>> work, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return dialect.TryForAsLongAsItTakesAsync(() => work().WaitAsync(dialect.CommandTimeout, cancellationToken));
    }

    /// <inheritdoc cref="TryAsync" path="/exception"/>
    public static async Task<T> TryForAsLongAsItTakesAsync<T>(this ISqlDialect dialect, Func<Task<T>> work)
    {
        try
        {
            return await work();
        }
        catch (Exception exception) when (exception is TimeoutException || dialect.FaultOf(exception) == StoreFault.Unavailable)
        {
            dialect.OnUnavailable(exception);
            throw new StoreUnavailableException("The store does not answer", exception);
        }
        catch (Exception exception) when (dialect.FaultOf(exception) == StoreFault.Rejected)
        {
            throw new StoreRejectedException("The store cannot hold a value", exception);
        }
    }
}
