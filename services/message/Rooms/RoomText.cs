using Tertulia.Contracts;
using Tertulia.Messages.Permissions;

namespace Tertulia.Messages.Rooms;

/// <summary>What a room's settings may hold.</summary>
internal static class RoomText
{
    public const int MaxNameLength = 128;
    public const int MaxTopicLength = 1_024;
    public const int MaxReasonLength = 512;
    public const uint MaxSlowModeSeconds = 6 * 3_600;
    public const uint MaxRetentionDays = 36_500;
    private const int MaxCommunityLength = 128;

    /// <returns>Null when a client may set them; else what is wrong.</returns>
    public static string? Complaint(RoomSettings settings) => settings switch
    {
        _ when settings.Kind is not (RoomKinds.Open or RoomKinds.Private or RoomKinds.Auditorium) => "kind is public, private or auditorium",
        _ when !Fits(settings.Name, MaxNameLength) => $"name has at most {MaxNameLength} characters",
        _ when !Fits(settings.Topic, MaxTopicLength) => $"topic has at most {MaxTopicLength} characters",
        _ when !Fits(settings.Community, MaxCommunityLength) => $"community has at most {MaxCommunityLength} characters",
        _ when settings.SlowModeSeconds > MaxSlowModeSeconds => $"slow_mode is at most {MaxSlowModeSeconds} seconds",
        _ when settings.RetentionDays > MaxRetentionDays => $"retention_days is at most {MaxRetentionDays}",
        _ => null,
    };

    /// <summary>Not too long, and without what PostgreSQL's text cannot hold.</summary>
    public static bool Fits(string text, int maxLength) => text.Length <= maxLength && !text.Contains('\0');
}
