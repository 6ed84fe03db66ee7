namespace Tertulia.Chat.Tests;

public sealed class SafeTextTests
{
    [Theory]
    [InlineData("Hola, ¿qué tal? 👋🏽 日本語", "Hola, ¿qué tal? 👋🏽 日本語")]
    [InlineData("\e[2J\e[31mred", "\uFFFD[2J\uFFFD[31mred")]
    [InlineData("\u009b31m", "\uFFFD31m")]
    [InlineData("\u0007\u0008\u007f\0", "\uFFFD\uFFFD\uFFFD\uFFFD")]
    [InlineData("one\r\n12:00:00 Ana: forged", "one\uFFFD ⏎ 12:00:00 Ana: forged")]
    [InlineData("\u202Ereversed\u2066x", "\uFFFDreversed\uFFFDx")]
    [InlineData("a\u2028b\u2029c", "a\uFFFDb\uFFFDc")]
    [InlineData("tab\there", "tab here")]
    public void What_moves_the_cursor_or_misleads_the_eye_is_shown_as_a_mark(string text, string shown)
    {
        Assert.Equal(shown, SafeText.Of(text));
    }

    [Fact]
    public void A_lone_surrogate_is_shown_as_a_mark()
    {
        Assert.Equal("a\uFFFDb", SafeText.Of("a" + (char)0xD800 + "b"));
    }
}
