using System.Net;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Tertulia.Connections.Limits;
using Tertulia.Connections.Sessions;
using Tertulia.Hosting;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Limits;

public sealed class LimitTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void A_user_may_send_a_burst_and_then_at_the_steady_rate()
    {
        var rates = Rates(new LimitOptions());

        Assert.Equal(20, Enumerable.Range(0, 50).Count(_ => rates.TryTake("ana", out var _)));
        Assert.False(rates.TryTake("ana", out var retryAfterMs));
        Assert.Equal(600, retryAfterMs);

        _time.Advance(TimeSpan.FromMilliseconds(retryAfterMs));
        Assert.True(rates.TryTake("ana", out _));
        Assert.False(rates.TryTake("ana", out _));

        _time.Advance(TimeSpan.FromSeconds(60));
        Assert.Equal(20, Enumerable.Range(0, 50).Count(_ => rates.TryTake("ana", out var _)));
    }

    [Fact]
    public void Users_do_not_share_a_bucket()
    {
        var rates = Rates(new LimitOptions { EventsPerMinute = 1 });

        Assert.True(rates.TryTake("ana", out _));
        Assert.True(rates.TryTake("bruno", out _));
        Assert.False(rates.TryTake("ana", out var retryAfterMs));
        Assert.Equal(60_000, retryAfterMs);
    }

    [Fact]
    public void Without_a_limit_nothing_is_counted()
    {
        var rates = Rates(new LimitOptions { EventsPerMinute = 0 });

        Assert.Equal(10_000, Enumerable.Range(0, 10_000).Count(_ => rates.TryTake("ana", out var _)));
        Assert.Equal(0, rates.CollectUsage("ana"));
    }

    [Fact]
    public void What_another_node_reports_is_taken_from_the_bucket_and_debt_has_an_end()
    {
        var rates = Rates(new LimitOptions());

        rates.TakeRemote("ana", 15);
        Assert.Equal(5, Enumerable.Range(0, 50).Count(_ => rates.TryTake("ana", out var _)));

        rates.TakeRemote("ana", 1_000_000);
        Assert.False(rates.TryTake("ana", out var retryAfterMs));
        Assert.Equal(21 * 600, retryAfterMs);
    }

    [Fact]
    public void Usage_is_collected_once_and_forgotten_with_time()
    {
        var rates = Rates(new LimitOptions());
        Assert.Equal(0, rates.CollectUsage("ana"));

        Assert.Equal(3, Enumerable.Range(0, 3).Count(_ => rates.TryTake("ana", out var _)));
        Assert.Equal(3, rates.CollectUsage("ana"));
        Assert.Equal(0, rates.CollectUsage("ana"));

        Assert.Equal(4, Enumerable.Range(0, 4).Count(_ => rates.TryTake("ana", out var _)));
        _time.Advance(TimeSpan.FromMinutes(5));
        Assert.Equal(0, rates.CollectUsage("ana"));
    }

    [Fact]
    public void A_sweep_forgets_only_users_whose_bucket_is_full()
    {
        var rates = Rates(new LimitOptions { EventsPerMinute = 1 });
        Assert.True(rates.TryTake("ana", out _));

        rates.Sweep();
        Assert.False(rates.TryTake("ana", out _));

        _time.Advance(TimeSpan.FromMinutes(1));
        rates.Sweep();
        Assert.True(rates.TryTake("ana", out _));
    }

    [Fact]
    public void Raising_the_limit_raises_the_burst()
    {
        Assert.Equal((20, 200, 5, 0), (Burst(100), Burst(1000), Burst(5), Burst(0)));

        static int Burst(int eventsPerMinute) => new LimitOptions { EventsPerMinute = eventsPerMinute }.Burst;
    }

    [Theory]
    [InlineData(100, 128, 276, true)]
    [InlineData(1, 1, 3, true)]
    [InlineData(100, 0, 100_000, false)]
    [InlineData(0, 128, 100_000, false)]
    public void Entering_rooms_has_an_allowance_of_its_own_and_without_a_limit_there_is_none(int eventsPerMinute, int rooms, int allowed, bool limited)
    {
        var limits = new LimitOptions { EventsPerMinute = eventsPerMinute, RoomsPerConnection = rooms };
        var session = new SessionRates();

        Assert.Equal(allowed, Enumerable.Range(0, allowed).Count(_ => session.TryMove(limits, _time, out var _)));
        Assert.Equal(!limited, session.TryMove(limits, _time, out var retryAfterMs));
        Assert.Equal(limited, retryAfterMs > 0);
    }

    [Fact]
    public void A_client_is_closed_only_after_it_was_told_five_times_its_allowance_within_a_minute()
    {
        var limits = new LimitOptions { EventsPerMinute = 2 };
        var session = new SessionRates();

        Assert.Equal(0, Enumerable.Range(0, 10).Count(_ => session.IsFlood(limits, _time)));
        _time.Advance(TimeSpan.FromSeconds(60));
        Assert.Equal(0, Enumerable.Range(0, 10).Count(_ => session.IsFlood(limits, _time)));
        Assert.True(session.IsFlood(limits, _time));
    }

    [Theory]
    [InlineData(1000, "", false)]
    [InlineData(1000, "x", true)]
    [InlineData(3, "ñañ", true)]
    [InlineData(3, "ñaña", false)]
    [InlineData(3, "😀😀😀", true)]
    [InlineData(3, "😀😀😀!", false)]
    [InlineData(0, "", false)]
    public void Content_is_measured_in_characters(int limit, string content, bool allowed) =>
        Assert.Equal(allowed, new LimitOptions { ContentLength = limit }.AllowsContent(content));

    [Fact]
    public void Without_a_limit_content_may_be_as_long_as_a_frame() =>
        Assert.True(new LimitOptions { ContentLength = 0 }.AllowsContent(new string('x', 60_000)));

    [Theory]
    [InlineData("Limits:FrameBytes", "5023", "Limits:ContentLength (1000) characters takes up to 5024 bytes")]
    [InlineData("Limits:FrameBytes", "5024", null)]
    [InlineData("Limits:ContentLength", "16000", null)]
    [InlineData("Limits:ContentLength", "16001", "ContentLength")]
    [InlineData("Limits:ContentLength", "0", null)]
    [InlineData("Limits:RoomsCreatedPerHour", "-1", "RoomsCreatedPerHour")]
    public void Limits_that_contradict_each_other_are_refused(string key, string value, string? expected)
    {
        using var services = new ServiceCollection()
            .AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection([new(key, value)]).Build())
            .AddLimitOptions().AddLimitOptions()
            .BuildServiceProvider();

        var failure = Record.Exception(() => services.GetRequiredService<IOptions<LimitOptions>>().Value);

        Assert.Equal(expected is null, failure is null);
        Assert.Contains(expected ?? "", failure?.Message ?? "", StringComparison.Ordinal);
    }

    [Fact]
    public void Connections_are_limited_by_node_address_and_user()
    {
        var counts = new ConnectionCounts(Options.Create(new LimitOptions { ConnectionsPerNode = 3, ConnectionsPerAddress = 2, ConnectionsPerUser = 2 }));
        var (here, there) = (IPAddress.Parse("192.0.2.1"), IPAddress.Parse("192.0.2.2"));

        Assert.True(counts.TryAdd(here));
        Assert.True(counts.TryAdd(here));
        Assert.False(counts.TryAdd(here));
        Assert.True(counts.TryAdd(there));
        Assert.False(counts.TryAdd(null));
        counts.Remove(here);
        Assert.True(counts.TryAdd(null));
        Assert.Equal(3, counts.Total);

        Assert.True(counts.TryAddUser("ana"));
        Assert.True(counts.TryAddUser("ana"));
        Assert.False(counts.TryAddUser("ana"));
        counts.RemoveUser("ana");
        Assert.True(counts.TryAddUser("ana"));
    }

    private UserRates Rates(LimitOptions options) => new(Options.Create(options), _time);
}
