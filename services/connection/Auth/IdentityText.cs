namespace Tertulia.Connections.Auth;

/// <summary>Which texts may name a user, wherever they come from: a token, a query, a request for a token.</summary>
internal static class IdentityText
{
    /// <summary>Characters (UTF-16) of a user id at most.</summary>
    public const int MaxUserIdChars = 128;

    /// <summary>Characters (UTF-16) of a name or a role at most.</summary>
    public const int MaxNameChars = 256;

    /// <summary>Whether a text is not empty, not too long, and whole: no control characters and no halves of surrogate pairs, which no store, log or encoder has to bear.</summary>
    public static bool IsClean(string text, int maxChars)
    {
        if (text.Length == 0 || text.Length > maxChars)
        {
            return false;
        }

        for (var index = 0; index < text.Length; index++)
        {
            if (char.IsSurrogatePair(text, index))
            {
                index++;
            }
            else if (char.IsSurrogate(text[index]) || char.IsControl(text[index]))
            {
                return false;
            }
        }

        return true;
    }
}
