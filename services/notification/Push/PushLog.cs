using Tertulia.Notifications.Storage;

namespace Tertulia.Notifications.Push;

/// <summary>The last pushes of each user and what became of them, to explain it.</summary>
internal sealed class PushLog(NotificationStore store, TimeProvider time)
{
    public const string Waiting = "waiting";
    public const string Sent = "sent";
    public const string Gone = "gone";
    public const string Retrying = "retrying";
    public const string Failed = "failed";
    public const string Expired = "expired";

    /// <summary>Pushes of a user that are kept.</summary>
    public const int Kept = 20;

    /// <summary>A push was handed to a push service, or not.</summary>
    public Task NoteAsync(PushJob push, int attempts, string outcome, string error, CancellationToken cancellationToken) => store.WriteAsync(
        async round =>
        {
            await round.Pushes.NoteAsync(push, attempts, outcome, error, time.GetUtcNow());
            return true;
        },
        cancellationToken);
}
