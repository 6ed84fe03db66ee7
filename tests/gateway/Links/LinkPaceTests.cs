using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Link;
using Tertulia.Testing;

namespace Tertulia.Gateway.Tests.Links;

public sealed class LinkPaceTests : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(24);

    private readonly CountedTimers _time = new();
    private readonly LinkPace _pace;
    private readonly MemoryStream[] _bytes = [new(), new()];
    private readonly LinkOutput[] _outputs;
    private readonly Lane[] _lanes;

    public LinkPaceTests()
    {
        var read = TimeSpan.Zero;
        var cpu = new CpuGauge(() => new CpuTimes(read += TimeSpan.FromSeconds(1), read, TimeSpan.Zero), _time);
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(1, cpu.Busy);
        _pace = new LinkPace(Interval, _time, cpu);
        _outputs = Array.ConvertAll(_bytes, bytes => new LinkOutput(bytes, _pace));
        _lanes = Array.ConvertAll(_outputs, output => new Lane(output));
    }

    public void Dispose() => _pace.Dispose();

    [Fact]
    public void While_little_comes_all_of_it_leaves_at_once()
    {
        for (var turn = 1; turn <= 20; turn++)
        {
            Write(turn % 2);
            Assert.Equal(turn, Records());
            _time.Advance(TimeSpan.FromMilliseconds(20));
        }
    }

    [Fact]
    public void Windows_that_are_given_back_do_not_count_as_much()
    {
        for (var record = 0; record < 100; record++)
        {
            _outputs[0].Window(1, 1);
        }

        _outputs[0].Flush();
        Write(0);

        Assert.Equal(1, Records());
    }

    [Fact]
    public void While_much_comes_what_several_links_have_leaves_together_once_in_an_interval()
    {
        Storm();
        for (var turn = 0; turn < 10; turn++)
        {
            Write(0);
            _time.Advance(TimeSpan.FromMilliseconds(5));
            Write(1);
            Write(0);
            Assert.Equal(0, Records());

            _time.Advance(Interval - TimeSpan.FromMilliseconds(5));

            Assert.Equal(3, Records());
            Clear();
        }

        Assert.Equal(0, _time.Set);
    }

    [Fact]
    public void What_is_much_already_does_not_wait_for_more()
    {
        Storm();
        Assert.True(_outputs[0].TryCopy(_lanes[0], new byte[32 * 1024]));
        _outputs[0].Flush();
        Assert.Equal(0, _bytes[0].Length);

        Assert.True(_outputs[0].TryCopy(_lanes[0], new byte[32 * 1024]));
        _outputs[0].Flush();

        Assert.Equal(2, Records());
        Clear();
        Write(0);
        Assert.Equal(0, Records());
        _time.Advance(Interval);
        Assert.Equal(1, Records());
    }

    [Fact]
    public async Task What_waits_for_a_link_that_is_lost_meanwhile_is_forgotten_and_the_others_leave()
    {
        Storm();
        Write(0);
        Write(1);

        await _outputs[0].EndAsync();
        _time.Advance(Interval);

        Assert.Equal(0, _bytes[0].Length);
        Assert.Equal(1, Records());
    }

    private void Storm()
    {
        for (var record = 0; record < 100; record++)
        {
            _outputs[0].TryCopy(_lanes[0], "a"u8);
        }

        _outputs[0].Flush();
        Assert.Equal(100, Records());
        Clear();
    }

    private void Write(int link)
    {
        _outputs[link].TryCopy(_lanes[link], "a"u8);
        _outputs[link].Flush();
    }

    private int Records() => _bytes.Sum(bytes => LinkRecords.Parser.ParseFrom(bytes.ToArray()).Data.Count);

    private void Clear() => Array.ForEach(_bytes, bytes => bytes.SetLength(0));

    private sealed class Lane(LinkOutput output) : LinkLane(output, 1);
}
