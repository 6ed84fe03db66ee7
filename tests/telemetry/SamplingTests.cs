using System.Diagnostics;
using Microsoft.Extensions.Configuration;
using OpenTelemetry.Trace;
using Tertulia.Hosting;

namespace Tertulia.Telemetry.Tests;

/// <summary>What is recorded and what is not.</summary>
[Collection("settings of the process")]
public sealed class SamplingTests
{
    [Theory]
    [InlineData("always_on", null, true)]
    [InlineData("always_off", null, false)]
    [InlineData("traceidratio", "1", true)]
    [InlineData("traceidratio", "0", false)]
    [InlineData("parentbased_always_on", null, true)]
    [InlineData("parentbased_always_off", null, false)]
    [InlineData("parentbased_traceidratio", "0", false)]
    public void A_trace_that_begins_here_is_decided_by_the_sampler_that_the_environment_names(string sampler, string? argument, bool isSampled) =>
        Assert.Equal(isSampled, IsSampled(SamplerOf(sampler, argument), default));

    [Fact]
    public void Without_one_a_hundredth_is_recorded()
    {
        var sampler = SamplerOf(null, null);

        var recorded = Enumerable.Range(0, 20_000).Count(_ => IsSampled(sampler, default));

        Assert.InRange(recorded, 100, 320); // 200 on the average; six times the deviation.
    }

    [Fact]
    public void A_name_that_is_no_sampler_stops_the_start() => Assert.Throws<StartupException>(() => SamplerOf("sometimes", null));

    [Fact]
    public void A_batch_is_recorded_when_one_of_its_messages_is()
    {
        var sampler = SamplerOf("parentbased_always_off", null);

        Assert.True(IsSampled(sampler, default, Remote(isSampled: false), Remote(isSampled: true)));
        Assert.False(IsSampled(sampler, default, Remote(isSampled: false)));
        Assert.False(IsSampled(SamplerOf("always_off", null), default, Remote(isSampled: true)));
    }

    [Fact]
    public void What_belongs_to_a_span_of_this_process_is_decided_as_that_span_was()
    {
        var sampler = SamplerOf("traceidratio", "0.5");

        for (var attempt = 0; attempt < 100; attempt++)
        {
            Assert.True(IsSampled(sampler, Local(isSampled: true)));
            Assert.False(IsSampled(sampler, Local(isSampled: false)));
        }
    }

    [Fact]
    public void Strangers_have_so_many_traces_recorded_a_second_and_no_more()
    {
        ClientTraces.Configure(new TracingOptions { ClientTracesPerSecond = 5 });
        var caller = $"00-{ActivityTraceId.CreateRandom()}-{ActivitySpanId.CreateRandom()}-01";
        var began = Environment.TickCount64;

        var believed = Enumerable.Range(0, 1000).Count(_ => ClientTraces.Of(caller) != default);

        Assert.InRange(believed, 5, 5 * (2 + ((Environment.TickCount64 - began) / 1000)));
        Assert.Equal(default, ClientTraces.Of($"{caller[..^2]}00"));
        Assert.Equal(default, ClientTraces.Of("no context"));
        Assert.Equal(default, ClientTraces.Of(null));
    }

    [Fact]
    public void A_fan_out_is_recorded_the_more_seldom_the_larger_the_room_is_and_everywhere_alike()
    {
        var traces = Enumerable.Range(0, 10_000).Select(_ => ActivityTraceId.CreateRandom()).ToArray();

        Assert.All(traces, trace => Assert.True(Tracing.KeepsFanOut(trace, members: 100, always: 100)));
        Assert.InRange(traces.Count(trace => Tracing.KeepsFanOut(trace, members: 1000, always: 100)), 800, 1200);
        Assert.All(traces, trace => Assert.True(Tracing.KeepsFanOut(trace, 200, 100) || !Tracing.KeepsFanOut(trace, 400, 100)));
    }

    [Fact]
    public void Only_what_is_recorded_is_carried()
    {
        using var recorded = new Activity("recorded").Start();
        recorded.ActivityTraceFlags = ActivityTraceFlags.Recorded;
        using var other = new Activity("other").SetParentId(ActivityTraceId.CreateRandom(), ActivitySpanId.CreateRandom()).Start();

        Assert.Equal(recorded.Id, Tracing.Carried(recorded));
        Assert.Equal("", Tracing.Carried(other));
        Assert.Equal("", Tracing.Carried(null));
        Assert.True(Tracing.TryContext(recorded.Id!, out var context) && context.TraceId == recorded.TraceId);
        Assert.False(Tracing.TryContext(other.Id!, out _));
        Assert.False(Tracing.TryContext("", out _));
    }

    private static TraceSampler SamplerOf(string? sampler, string? argument) => TraceSampler.Of(
        new ConfigurationBuilder().AddInMemoryCollection(
            new Dictionary<string, string?> { ["OTEL_TRACES_SAMPLER"] = sampler, ["OTEL_TRACES_SAMPLER_ARG"] = argument }).Build(),
        isEdge: false);

    private static bool IsSampled(TraceSampler sampler, ActivityContext parent, params ActivityContext[] links) => sampler.ShouldSample(
        new SamplingParameters(
            parent, parent == default ? ActivityTraceId.CreateRandom() : parent.TraceId, "a span", ActivityKind.Internal, tags: null, links.Select(link => new ActivityLink(link))))
        .Decision == SamplingDecision.RecordAndSample;

    private static ActivityContext Remote(bool isSampled) => Context(isSampled, isRemote: true);

    private static ActivityContext Local(bool isSampled) => Context(isSampled, isRemote: false);

    private static ActivityContext Context(bool isSampled, bool isRemote) => new(
        ActivityTraceId.CreateRandom(), ActivitySpanId.CreateRandom(),
        isSampled ? ActivityTraceFlags.Recorded : ActivityTraceFlags.None, traceState: null, isRemote);
}
