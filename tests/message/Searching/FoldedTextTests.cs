using Tertulia.Contracts;

namespace Tertulia.Messages.Tests.Searching;

public sealed class FoldedTextTests
{
    private const int Plenty = 100;

    [Theory]
    [InlineData("", "")]
    [InlineData(" - ", "")]
    [InlineData("Hola, mundo: 3 veces", "hola mundo 3 veces")]
    [InlineData("Canci\u00f3n CANCIO\u0301N", "cancion cancion")] // With the accent in its letter, and written behind it.
    [InlineData("Stra\u00dfe \u0152uvre \u00c6on \ufb01n \u0141\u00f3d\u017a \u00deing", "strasse oeuvre aeon fin lodz thing")]
    [InlineData("un\u6771\u4eac dos", "un \u6771 \u4eac dos")] // Ideographs are words by themselves.
    [InlineData("\u30a2\u30fb\u30a4", "\u30a2 \u30a4")] // The dot between them is none.
    [InlineData("a\U00020000b", "a \U00020000 b")]
    [InlineData("\U00010400x", "\U00010428x")] // Lower case outside the first plane.
    public void Words_are_lower_case_without_accents(string text, string words) => Assert.Equal(words, string.Join(' ', FoldedText.Words(text, Plenty)));

    [Fact]
    public void Of_a_long_word_the_beginning_counts()
    {
        const int Max = FoldedText.MaxWordChars;
        Assert.Equal([new string('x', Max), "y"], FoldedText.Words($"{new string('x', Max + 10)} y", Plenty));
        Assert.Equal([new string('x', Max - 1) + "ss"], FoldedText.Words($"{new string('x', Max - 1)}\u00df\u00df", Plenty)); // The last one counts whole.
        Assert.Equal([new string('x', Max - 1) + "\U00010428"], FoldedText.Words($"{new string('x', Max - 1)}\U00010400z", Plenty));
    }

    [Theory]
    [InlineData("a b c", 2, "a b")]
    [InlineData("\u6771\u4eac a", 1, "\u6771")]
    [InlineData("a\u6771 b", 2, "a \u6771")]
    public void There_are_no_more_words_than_asked_for(string text, int maxWords, string words) => Assert.Equal(words, string.Join(' ', FoldedText.Words(text, maxWords)));

    [Fact]
    public void Words_take_the_memory_of_the_words_and_no_more()
    {
        var text = string.Join(' ', Enumerable.Repeat("veinte-y-una palabras", 1_000));
        FoldedText.Words(text, maxWords: 4_000);
        var before = GC.GetAllocatedBytesForCurrentThread();

        var words = FoldedText.Words(text, maxWords: 4_000);

        // Each word is an object of some 40 bytes and a place in a list that doubles. A string for each character would be 32 bytes of each.
        Assert.Equal(4_000, words.Count);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4_000 * 64);
    }
}
