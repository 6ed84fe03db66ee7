using Grpc.Core;
using Tertulia.Contracts;

namespace Tertulia.Notifications.Push;

/// <summary>Asks presence which rooms a user's devices show.</summary>
internal sealed partial class PresenceFocus(PresenceService.PresenceServiceClient presence, TimeProvider time, ILogger<PresenceFocus> logger)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <returns>Empty when presence does not answer: a push too many is better than one too few.</returns>
    public async Task<IReadOnlySet<string>> OfAsync(string userId, CancellationToken cancellationToken)
    {
        try
        {
            using var call = presence.GetFocusAsync(
                new GetFocusRequest { UserId = userId }, deadline: time.GetUtcNow().UtcDateTime + Patience, cancellationToken: cancellationToken);
            return (await call).RoomIds.ToHashSet(StringComparer.Ordinal);
        }
        catch (RpcException exception) when (!cancellationToken.IsCancellationRequested)
        {
            LogSilent(exception.StatusCode);
            return new HashSet<string>();
        }
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "Presence does not say what devices show: {Status}")]
    private partial void LogSilent(StatusCode status);
}
