using Tertulia.Notifications.Following;

namespace Tertulia.Notifications.Tests.Following;

public sealed class WordsTests
{
    [Theory]
    [InlineData("hola @ana", "ana")]
    [InlineData("@ana, @Bruno: ¿qué tal, @eva-2.b?", "ana Bruno eva-2.b")]
    [InlineData("(@ana) @ana @ana.", "ana")]
    [InlineData("ana@example.org no es @nadie", "nadie")]
    [InlineData("`@ana` ```@bruno\n@carla``` @eva `@zoe", "eva zoe")]
    [InlineData("@<user 7:x> @<> @< @", "user 7:x")]
    [InlineData("@Íñigo @山田", "Íñigo 山田")]
    [InlineData("@jose\u0301, e\u0301@nadie \u2764\uFE0F@ana", "jose\u0301 ana")]
    [InlineData("@room @here", "room here")]
    [InlineData("", "")]
    [InlineData("``````````", "")]
    public void Names_are_found_where_a_person_sees_them(string text, string names) => Assert.Equal(names, string.Join(' ', Words.Mentions(text)));

    [Fact]
    public void Names_are_bounded_in_number_and_in_length()
    {
        Assert.Equal(50, Words.Mentions(string.Concat(Enumerable.Range(0, 200).Select(i => $"@u{i} "))).Count);
        Assert.Empty(Words.Mentions("@" + new string('a', 129)));
    }

    [Theory]
    [InlineData("café", true)]
    [InlineData("cafe\u0301", true)]
    [InlineData("\u0301", false)]
    [InlineData("dos palabras", false)]
    [InlineData("", false)]
    public void A_keyword_is_one_word_however_its_accents_are_written(string text, bool isOne) => Assert.Equal(isOne, Words.IsOne(text));

    [Theory]
    [InlineData("Un CAFÉ, por favor.", "un cafe café por favor")]
    [InlineData("CAFE\u0301 Straße", "cafe cafe\u0301 strasse straße")]
    [InlineData("a_b c-d 1.5 a_b", "a_b c d 1 5")]
    [InlineData("", "")]
    public void Words_are_folded_and_there_once(string text, string words) => Assert.Equal(words, string.Join(' ', Words.Of(text)));
}
