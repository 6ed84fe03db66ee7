using Tertulia.Messages.Reacting;

namespace Tertulia.Messages.Tests.Reacting;

public sealed class EmojiTextTests
{
    [Theory]
    [InlineData("👍")]
    [InlineData("👍🏽")]
    [InlineData("❤️")]
    [InlineData("❤")]
    [InlineData("1️⃣")]
    [InlineData("🇪🇸")]
    [InlineData("👨‍👩‍👧‍👦")]
    [InlineData("🏴󠁧󠁢󠁥󠁮󠁧󠁿")]
    [InlineData("ℹ️")]
    [InlineData("🫡")]
    [InlineData(":+1:")]
    [InlineData(":Ship_it-2:")]
    public void One_emoji_or_a_name(string text) => Assert.True(EmojiText.IsValid(text));

    [Theory]
    [InlineData("")]
    [InlineData("a")]
    [InlineData("1")]
    [InlineData("ñ")]
    [InlineData("👍 ")]
    [InlineData("👍👍")]
    [InlineData("❤️x")]
    [InlineData("::")]
    [InlineData(":a b:")]
    [InlineData(":café:")]
    [InlineData(":a")]
    [InlineData("\0")]
    [InlineData("\ud83d")]
    [InlineData("<b>")]
    [InlineData(":a123456789012345678901234567890:")]
    public void Nothing_else(string text) => Assert.False(EmojiText.IsValid(text));
}
