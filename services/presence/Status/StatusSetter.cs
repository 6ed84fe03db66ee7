using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Presence.Storage;
using Tertulia.Presence.Tracking;

namespace Tertulia.Presence.Status;

/// <summary>A user chooses a status: it is stamped, stored, and told to all replicas.</summary>
internal sealed partial class StatusSetter(PresenceLoop loop, IPresenceStore store, ILiveBus bus, ILogger<StatusSetter> logger)
{
    private const int MaxUserIdChars = 128;

    /// <returns>What counts now.</returns>
    /// <exception cref="Grpc.Core.RpcException"><c>bad_request</c>, <c>overloaded</c> or <c>unavailable</c>.</exception>
    public async Task<ChosenStatus> SetAsync(SetStatusRequest request, CancellationToken cancellationToken)
    {
        if (Complaint(request) is { } complaint)
        {
            throw RpcErrors.Refuse(ErrorCode.BadRequest, complaint);
        }

        var chosen = new ChosenStatus
        {
            UserId = request.UserId, Status = request.Status, Text = request.Text, Emoji = request.Emoji, UntilMs = request.UntilMs,
        };
        chosen.Stamp = await loop.AskAsync(map => StampOf(map, request.UserId), cancellationToken);
        try
        {
            await store.WriteStatusAsync(chosen, cancellationToken);
        }
        catch (StoreUnavailableException exception)
        {
            throw RpcErrors.Refuse(ErrorCode.Unavailable, exception.Message);
        }

        try
        {
            await bus.PublishPresenceAsync(new PresenceReport { Status = chosen }, cancellationToken);
        }
        catch (BusUnavailableException exception)
        {
            LogNotTold(exception.Message); // The others read it from the store.
        }

        await loop.AskAsync(map => Choose(map, chosen), cancellationToken); // Its own publication may come later than the user's next question.
        return chosen;
    }

    /// <summary>Nothing of what the user chose, nor when it was last seen, is kept.</summary>
    /// <exception cref="Grpc.Core.RpcException"><c>bad_request</c>, <c>overloaded</c> or <c>unavailable</c>.</exception>
    public async Task ForgetAsync(string userId, CancellationToken cancellationToken)
    {
        await SetAsync(new SetStatusRequest { UserId = userId, Status = PresenceStatus.Online }, cancellationToken);
        try
        {
            await store.ForgetSeenAsync(userId, cancellationToken);
        }
        catch (StoreUnavailableException exception)
        {
            throw RpcErrors.Refuse(ErrorCode.Unavailable, exception.Message);
        }
    }

    private static long StampOf(PresenceMap map, string userId)
    {
        var known = map.Statuses.Find(userId);
        if (known is null && map.Statuses.IsFull)
        {
            throw RpcErrors.Refuse(ErrorCode.Overloaded, "no more users can choose a status");
        }

        var connected = map.Users.GetValueOrDefault(userId)?.Chosen?.Stamp ?? 0;
        return map.Statuses.NewStamp(Math.Max(known?.Stamp ?? 0, connected));
    }

    private static bool Choose(PresenceMap map, ChosenStatus chosen)
    {
        map.Choose(chosen);
        return true;
    }

    private static string? Complaint(SetStatusRequest request) =>
        request.UserId.Length is 0 or > MaxUserIdChars || request.UserId.Contains('\0', StringComparison.Ordinal) ? "user_id must have 1 to 128 characters"
        : !PresenceStatus.CanBeChosen(request.Status) ? "status must be online, away, busy or invisible"
        : request.Text.Length > PresenceStatus.MaxTextChars || request.Text.Contains('\0', StringComparison.Ordinal)
            ? $"text must have at most {PresenceStatus.MaxTextChars} characters"
        : request.Emoji.Length > PresenceStatus.MaxEmojiChars || request.Emoji.Contains('\0', StringComparison.Ordinal)
            ? $"emoji must have at most {PresenceStatus.MaxEmojiChars} characters"
        : request.UntilMs < 0 ? "until must not be negative"
        : null;

    [LoggerMessage(Level = LogLevel.Warning, Message = "The other replicas were not told of a status: {Reason}")]
    private partial void LogNotTold(string reason);
}
