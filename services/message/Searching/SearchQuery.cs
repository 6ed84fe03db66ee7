using System.Globalization;
using Tertulia.Contracts;

namespace Tertulia.Messages.Searching;

/// <summary>Words that must follow each other in a message; one word, usually.</summary>
/// <param name="Words">Folded (<see cref="FoldedText"/>).</param>
/// <param name="IsPrefix">The last word may go on.</param>
internal sealed record SearchTerm(IReadOnlyList<string> Words, bool IsPrefix);

/// <summary>What is looked for: messages that match all of it.</summary>
/// <remarks>As a user types it: words, <c>"a phrase"</c>, <c>begin*</c>, <c>from:user</c>, <c>in:room</c>, <c>before:2026-05-31</c>, <c>after:2026-05-31</c>,
/// <c>has:link</c>. What looks like a filter and is none is text.</remarks>
internal sealed record SearchQuery
{
    /// <summary>Characters of a query at most.</summary>
    public const int MaxChars = 256;

    /// <summary>Terms of a query at most.</summary>
    public const int MaxTerms = 16;

    private const int MaxPhraseWords = 16;
    private const long DayMs = 86_400_000;

    /// <summary>Each must be in the message.</summary>
    public IReadOnlyList<SearchTerm> Terms { get; init; } = [];

    /// <summary>Id or name of who wrote it; null when it does not matter.</summary>
    public string? From { get; init; }

    /// <summary>The room; null when it does not matter.</summary>
    public string? In { get; init; }

    /// <summary>Written before this, Unix milliseconds; null when it does not matter.</summary>
    public long? BeforeMs { get; init; }

    /// <summary>Written at this time or later, Unix milliseconds; null when it does not matter.</summary>
    public long? FromMs { get; init; }

    /// <summary>It has a link.</summary>
    public bool HasLink { get; init; }

    /// <summary>There is something to look for.</summary>
    public bool IsEmpty => Terms.Count == 0 && From is null && !HasLink && BeforeMs is null && FromMs is null;

    /// <summary>Reads what a user typed.</summary>
    /// <returns>Null when it is too long or has too many terms.</returns>
    public static SearchQuery? Parse(string text)
    {
        if (text.Length > MaxChars)
        {
            return null;
        }

        var query = new SearchQuery();
        var terms = new List<SearchTerm>();
        for (var at = 0; at < text.Length;)
        {
            if (char.IsWhiteSpace(text[at]))
            {
                at++;
                continue;
            }

            var (token, quoted) = Next(text, ref at);
            if (quoted || !TryFilter(token, ref query))
            {
                var words = FoldedText.Words(token, MaxPhraseWords);
                if (words.Count > 0)
                {
                    terms.Add(new SearchTerm(words, IsPrefix: !quoted && token.EndsWith('*')));
                }
            }
        }

        return terms.Count > MaxTerms ? null : query with { Terms = terms };
    }

    // Up to the next space, or the end of a quotation: also of one that begins after a filter's colon.
    private static (string Token, bool IsQuoted) Next(string text, ref int at)
    {
        if (text[at] == '"')
        {
            return (Quoted(text, ref at), true);
        }

        var start = at;
        while (at < text.Length && !char.IsWhiteSpace(text[at]))
        {
            if (text[at] == '"' && text[at - 1] == ':')
            {
                var name = text[start..at];
                return (name + Quoted(text, ref at), false);
            }

            at++;
        }

        return (text[start..at], false);
    }

    private static string Quoted(string text, ref int at)
    {
        var end = text.IndexOf('"', at + 1);
        end = end < 0 ? text.Length : end;
        var inner = text[(at + 1)..end];
        at = Math.Min(end + 1, text.Length);
        return inner;
    }

    private static bool TryFilter(string token, ref SearchQuery query)
    {
        var colon = token.IndexOf(':', StringComparison.Ordinal);
        if (colon <= 0 || colon == token.Length - 1)
        {
            return false;
        }

        var value = token[(colon + 1)..];
        switch (token[..colon].ToLowerInvariant())
        {
            case "from":
                query = query with { From = value.TrimStart('@') };
                return query.From!.Length > 0;
            case "in":
                query = query with { In = value };
                return true;
            case "before" when TryDay(value, out var day):
                query = query with { BeforeMs = day.ToUnixTimeMilliseconds() };
                return true;
            case "after" when TryDay(value, out var day):
                query = query with { FromMs = day.ToUnixTimeMilliseconds() + DayMs }; // Also of the last day that there is.
                return true;
            case "has" when value.Equals("link", StringComparison.OrdinalIgnoreCase):
                query = query with { HasLink = true };
                return true;
            default:
                return false;
        }
    }

    private static bool TryDay(string text, out DateTimeOffset day) =>
        DateTimeOffset.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out day);
}
