namespace Tertulia.Messages.Storage;

/// <summary>A request with a key, as an attempt takes it.</summary>
/// <param name="UserId">Whose.</param>
/// <param name="RequestId">Names the request among the user's.</param>
/// <param name="Fingerprint">Of its body.</param>
/// <param name="Claim">Of this attempt.</param>
/// <param name="NowMs">Unix milliseconds.</param>
/// <param name="UntilMs">When another attempt may take it, if this one says nothing until then.</param>
internal readonly record struct RequestClaim(string UserId, string RequestId, string Fingerprint, string Claim, long NowMs, long UntilMs);

/// <summary>What is known of a request that came before.</summary>
/// <param name="Fingerprint">Of its body.</param>
/// <param name="Answer">Empty while it is under way.</param>
internal sealed record RequestRecord(string Fingerprint, byte[] Answer);

/// <summary>Requests that carry a key: which attempt carries one out, and what it was answered. Each is one record of its own.</summary>
internal interface IRequestRecords
{
    /// <summary>Takes a request that nobody has, or whose record is over.</summary>
    /// <param name="claim">The attempt.</param>
    /// <param name="max">Records of the user at most, those that are over included.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <returns>Whether it is taken; if not, what is known of it, or null when the user has as many records as there may be.</returns>
    /// <exception cref="StoreUnavailableException">Whether it is taken is not known.</exception>
    Task<(bool Taken, RequestRecord? Known)> BeginAsync(RequestClaim claim, int max, CancellationToken cancellationToken);

    /// <summary>Keeps the answer, if the attempt still has the request.</summary>
    /// <exception cref="StoreUnavailableException">Whether it is kept is not known.</exception>
    Task FinishAsync(string userId, string requestId, string claim, byte[] answer, long untilMs, CancellationToken cancellationToken);

    /// <summary>Gives the request up, if the attempt still has it: the next one takes it.</summary>
    /// <exception cref="StoreUnavailableException">Whether it is given up is not known.</exception>
    Task ReleaseAsync(string userId, string requestId, string claim, CancellationToken cancellationToken);

    /// <summary>Forgets records that are over.</summary>
    /// <exception cref="StoreUnavailableException">The database does not answer.</exception>
    Task ForgetAsync(long nowMs, CancellationToken cancellationToken);
}
