using System.Diagnostics.CodeAnalysis;

namespace Tertulia.Notifications.Preferences;

/// <summary>Time zones by the names that users give.</summary>
internal static class Zones
{
    private const int MaxChars = 64;

    /// <summary>Finds a zone by its IANA name. A name is a path below a folder of the system: nothing else is looked up.</summary>
    public static bool TryFind(string name, [NotNullWhen(true)] out TimeZoneInfo? zone)
    {
        zone = null;
        return name.Length is > 0 and <= MaxChars && char.IsAsciiLetter(name[0]) && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '/' or '_' or '-' or '+')
            && TimeZoneInfo.TryFindSystemTimeZoneById(name, out zone);
    }
}
