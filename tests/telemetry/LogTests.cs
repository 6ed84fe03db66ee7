using System.Diagnostics;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Tertulia.Hosting;
using Tertulia.Testing;

namespace Tertulia.Telemetry.Tests;

[Collection("settings of the process")]
public sealed class LogTests
{
    [Fact]
    public async Task A_log_line_is_pushed_with_its_fields_and_the_trace_in_which_it_was_written()
    {
        await using var receiver = await OtlpReceiver.StartAsync();
        var builder = WebApplication.CreateBuilder(
            [.. receiver.Environment.Select(variable => $"--{variable.Key}={variable.Value}"), "--urls=http://127.0.0.1:0"]);
        builder.AddObservability(new ProcessIdentity("connection"));
        await using var app = builder.Build();
        await app.StartAsync();

        using var activity = new Activity("a step").Start();
        app.Services.GetRequiredService<ILogger<LogTests>>().LogWarning("Room {RoomId} waits", "lobby");

        await Eventually.HoldsAsync(() => receiver.Logs.Any(log => log.SeverityText == "Warning"), "the line is pushed");
        var line = receiver.Logs.First(log => log.SeverityText == "Warning");
        Assert.Equal(activity.TraceId.ToHexString(), ReceivedSpan.Hex(line.TraceId));
        Assert.Equal(activity.SpanId.ToHexString(), ReceivedSpan.Hex(line.SpanId));
        Assert.Equal("lobby", line.Attributes.Single(attribute => attribute.Key == "RoomId").Value.StringValue);
    }
}
