using Microsoft.Extensions.Time.Testing;
using Tertulia.Link;
using Tertulia.Testing;

namespace Tertulia.Gateway.Tests.Links;

/// <summary>Who says nothing is given up; who was not listened to is not.</summary>
public sealed class LinkSilenceTests
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void A_silent_peer_is_gone_after_the_looks()
    {
        var silence = new LinkSilence(4, Interval, _time);

        Assert.Equal([LinkLook.Waits, LinkLook.Waits, LinkLook.Waits, LinkLook.Waits, LinkLook.Gone], Looks(silence, 5));
    }

    [Fact]
    public void A_word_gives_it_the_whole_time_again()
    {
        var silence = new LinkSilence(4, Interval, _time);
        Looks(silence, 4);

        silence.Heard();

        Assert.Equal([LinkLook.Waits, LinkLook.Waits, LinkLook.Waits, LinkLook.Waits, LinkLook.Gone], Looks(silence, 5));
    }

    [Fact]
    public void A_process_that_was_stalled_does_not_blame_its_peer()
    {
        var silence = new LinkSilence(4, Interval, _time);
        Looks(silence, 4);

        _time.Advance(TimeSpan.FromSeconds(3)); // On top of the five: the look is three seconds late.

        Assert.Equal([LinkLook.Late, LinkLook.Waits, LinkLook.Waits, LinkLook.Waits, LinkLook.Waits, LinkLook.Gone], Looks(silence, 6));
    }

    [Fact]
    public void A_process_that_is_always_late_never_blames_its_peer()
    {
        var silence = new LinkSilence(4, Interval, _time);

        for (var look = 0; look < 100; look++)
        {
            _time.Advance(Interval * 2);
            Assert.Equal(LinkLook.Late, silence.Look(unread: false));
        }
    }

    [Fact]
    public void A_peer_whose_words_lie_unread_is_not_silent()
    {
        var silence = new LinkSilence(4, Interval, _time);
        Looks(silence, 4);

        _time.Advance(Interval);
        Assert.Equal(LinkLook.Waits, silence.Look(unread: true));

        Assert.Equal([LinkLook.Waits, LinkLook.Waits, LinkLook.Waits, LinkLook.Waits, LinkLook.Gone], Looks(silence, 5));
    }

    private LinkLook[] Looks(LinkSilence silence, int count) => [.. Enumerable.Range(0, count).Select(_ =>
    {
        _time.Advance(Interval);
        return silence.Look(unread: false);
    })];
}
