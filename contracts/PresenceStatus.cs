namespace Tertulia.Contracts;

/// <summary>The statuses of users, as they are on the wire.</summary>
public static class PresenceStatus
{
    /// <summary>At least one device is in use.</summary>
    public const string Online = "online";

    /// <summary>No device is in use, or the user says so.</summary>
    public const string Away = "away";

    /// <summary>The user does not want to be disturbed.</summary>
    public const string Busy = "busy";

    /// <summary>Chosen, never shown: others see <see cref="Offline"/>.</summary>
    public const string Invisible = "invisible";

    /// <summary>Shown, never chosen.</summary>
    public const string Offline = "offline";

    /// <summary>Characters (UTF-16) of a status's text at most.</summary>
    public const int MaxTextChars = 140;

    /// <summary>Characters (UTF-16) of a status's emoji at most: a family of people has 11 and more.</summary>
    public const int MaxEmojiChars = 32;

    /// <summary>Whether a user can choose it.</summary>
    public static bool CanBeChosen(string status) => status is Online or Away or Busy or Invisible;
}
