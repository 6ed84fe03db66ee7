namespace Tertulia.Sql;

/// <summary>The store does not answer, or not in time. Asking again later can succeed.</summary>
public sealed class StoreUnavailableException : Exception
{
    /// <inheritdoc />
    public StoreUnavailableException() { }

    /// <inheritdoc />
    public StoreUnavailableException(string message) : base(message) { }

    /// <inheritdoc />
    public StoreUnavailableException(string message, Exception innerException) : base(message, innerException) { }
}

/// <summary>The store will never take this: a value it cannot hold. Asking again fails again.</summary>
public sealed class StoreRejectedException : Exception
{
    /// <inheritdoc />
    public StoreRejectedException() { }

    /// <inheritdoc />
    public StoreRejectedException(string message) : base(message) { }

    /// <inheritdoc />
    public StoreRejectedException(string message, Exception innerException) : base(message, innerException) { }
}
