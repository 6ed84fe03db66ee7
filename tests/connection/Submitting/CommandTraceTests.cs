using System.Diagnostics;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Submitting;
using Tertulia.Contracts;

namespace Tertulia.Connections.Tests.Submitting;

public sealed class CommandTraceTests
{
    private const string Sampled = "1af7651916cd43dd8448eb211c80319c";

    [Fact]
    public void Where_nothing_records_a_command_carries_nothing_and_costs_nothing()
    {
        var command = new MessageCommand { Content = "hola", Traceparent = $"00-{Guid.NewGuid():N}-b7ad6b7169203331-01" };
        Assert.Null(CommandTrace.Receive(command));

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var time = 0; time < 100; time++)
        {
            CommandTrace.Answered(CommandTrace.Receive(command), "stored");
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void A_sampled_command_carries_the_span_that_made_it_and_ends_elsewhere_without_a_trace_there()
    {
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == Telemetry.Name,
            Sample = (ref ActivityCreationOptions<ActivityContext> span) =>
                span.TraceId.ToHexString() == Sampled ? ActivitySamplingResult.AllDataAndRecorded : ActivitySamplingResult.None,
        };
        ActivitySource.AddActivityListener(listener);
        var submitted = new Command { RoomId = "lobby", Send = new SendMessage { MessageId = "m1" } };

        var receive = CommandTrace.Receive(new MessageCommand { Traceparent = $"00-{Sampled}-b7ad6b7169203331-01" });
        CommandTrace.Create(receive!, submitted);
        Assert.Null(Activity.Current);
        var elsewhere = new Activity("elsewhere").Start();
        CommandTrace.Answered(receive, "refused", ErrorCode.Muted);

        Assert.Same(elsewhere, Activity.Current);
        Assert.True(ActivityContext.TryParse(submitted.Traceparent, null, out var carried));
        Assert.Equal(Sampled, carried.TraceId.ToHexString());
        Assert.NotEqual(receive!.SpanId, carried.SpanId);
        Assert.Equal(("receive message", ActivityStatusCode.Error, "refused", "Muted"),
            (receive.DisplayName, receive.Status, (string?)receive.GetTagItem("tertulia.outcome"), (string?)receive.GetTagItem("error.type")));
        elsewhere.Stop();
    }
}
