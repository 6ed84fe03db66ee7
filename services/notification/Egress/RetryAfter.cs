namespace Tertulia.Notifications.Egress;

/// <summary>When a server wants to be asked again.</summary>
internal static class RetryAfter
{
    /// <param name="response">With <c>Retry-After</c> in seconds or as a date, or without.</param>
    /// <param name="time">For dates.</param>
    /// <param name="most">Longer times are taken as this.</param>
    /// <returns>Null when it does not say.</returns>
    public static TimeSpan? Of(HttpResponseMessage response, TimeProvider time, TimeSpan most)
    {
        var after = response.Headers.RetryAfter switch
        {
            { Delta: { } delta } => delta,
            { Date: { } date } => date - time.GetUtcNow(),
            _ => (TimeSpan?)null,
        };
        return after is { } wait ? (wait < TimeSpan.Zero ? TimeSpan.Zero : wait > most ? most : wait) : null;
    }
}
