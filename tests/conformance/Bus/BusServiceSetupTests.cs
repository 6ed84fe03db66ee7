using System.Diagnostics;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Testing;

namespace Tertulia.Conformance.Bus;

/// <summary>What a process gets from its configuration.</summary>
[Collection(BrokerCollection.Name)]
[Trait(Needs.Trait, Needs.RabbitMq)]
public sealed class BusServiceSetupTests(BrokerFixture broker)
{
    [Fact]
    public async Task The_all_in_one_host_is_ready_without_a_broker()
    {
        using var host = HostWith(("Bus:Kind", "InProcess"));
        await host.StartAsync();

        Assert.Equal((HealthStatus.Healthy, null), await CheckAsync(host));
        Assert.False(await host.Services.GetRequiredService<ISubmitQueue>().PublishAsync("nobody", new SubmitBatch(), CancellationToken.None));
        await host.StopAsync();
    }

    [Fact]
    public async Task A_process_is_ready_when_it_is_connected_and_stops_cleanly()
    {
        var prefix = $"t{Guid.NewGuid():N}";
        var host = HostWith(("Bus:RabbitMq:Uri", broker.Broker.Uri.ToString()), ("Bus:RabbitMq:Prefix", prefix));
        await host.StartAsync();
        await Eventually.HoldsAsync(() => host.Services.GetRequiredService<ILiveBus>().IsConnected, "the process is connected");
        Assert.Equal((HealthStatus.Healthy, null), await CheckAsync(host));
        var queue = host.Services.GetRequiredService<ISubmitQueue>();
        Assert.False(await queue.PublishAsync("nobody", new SubmitBatch(), CancellationToken.None));

        await host.StopAsync();
        await ((IAsyncDisposable)host).DisposeAsync();

        await Assert.ThrowsAsync<BusUnavailableException>(() => queue.PublishAsync("nobody", new SubmitBatch(), CancellationToken.None));
        await RabbitMqAdmin.DeleteQueuesAsync(broker.Broker.Uri, prefix);
    }

    [Fact]
    public async Task A_process_without_its_broker_starts_and_says_that_it_is_not_ready()
    {
        var host = HostWith(("Bus:RabbitMq:Uri", $"amqp://127.0.0.1:{FreePorts.Next()}"));
        await host.StartAsync();

        Assert.Equal((HealthStatus.Unhealthy, "no connection to the broker"), await CheckAsync(host));
        await host.StopAsync();
        await ((IAsyncDisposable)host).DisposeAsync();
    }

    [Fact]
    public async Task A_process_can_stop_while_it_is_being_refused_by_its_broker()
    {
        var settings = ("Bus:RabbitMq:Uri", $"amqp://127.0.0.1:{FreePorts.Next()}");
        for (var microseconds = 0; microseconds < 4_000; microseconds += 100)
        {
            var host = HostWith(settings);
            await host.StartAsync();
            var started = Stopwatch.GetTimestamp();
            SpinWait.SpinUntil(() => Stopwatch.GetElapsedTime(started).TotalMicroseconds > microseconds);
            await ((IAsyncDisposable)host).DisposeAsync(); // Throws what the connection ended with.
        }
    }

    /// <summary>It waits for the broker three or four times, as long as the time-out each time, and never without end.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_process_that_is_told_to_stop_while_its_broker_does_not_answer_stops(bool isWaiting)
    {
        await using var proxy = new FaultProxy(broker.Broker.Uri.Port);
        var prefix = $"t{Guid.NewGuid():N}";
        var uri = new UriBuilder(broker.Broker.Uri) { Port = proxy.Port }.Uri;
        var host = HostWith(("Bus:RabbitMq:Uri", uri.ToString()), ("Bus:RabbitMq:Prefix", prefix), ("Bus:RabbitMq:Timeout", "00:00:01"));
        await host.StartAsync();
        var (bus, queue) = (host.Services.GetRequiredService<ILiveBus>(), host.Services.GetRequiredService<ISubmitQueue>());
        var receptions = new[]
        {
            await bus.ReceiveAsNodeAsync("n1", _ => ValueTask.CompletedTask, () => ValueTask.CompletedTask, CancellationToken.None),
            await bus.ReceivePresenceAsync("p1", _ => ValueTask.CompletedTask, () => ValueTask.CompletedTask, CancellationToken.None),
            await bus.ReceiveHeartbeatsAsync("message", "m1", _ => ValueTask.CompletedTask, CancellationToken.None),
        };
        await bus.SendToAllNodesAsync(new NodeBatch(), CancellationToken.None);
        await bus.PublishPresenceAsync(new PresenceReport(), CancellationToken.None);
        await queue.PublishAsync("nobody", new SubmitBatch(), CancellationToken.None);

        proxy.Freeze();
        var unconfirmed = isWaiting ? bus.SendToAllNodesAsync(new NodeBatch(), CancellationToken.None) : null;
        await host.StopAsync();
        await Eventually.CompletesAsync(((IAsyncDisposable)host).DisposeAsync().AsTask(), "the process has stopped", TimeSpan.FromSeconds(20));

        if (unconfirmed is not null)
        {
            await Assert.ThrowsAsync<BusUnavailableException>(() => unconfirmed);
        }

        Assert.Equal(3, receptions.Length);
        await RabbitMqAdmin.DeleteQueuesAsync(broker.Broker.Uri, prefix);
    }

    [Theory]
    [InlineData("Bus:Kind", "7")]
    [InlineData("Bus:Partitions", "0")]
    [InlineData("Bus:RabbitMq:Prefix", "no spaces")]
    [InlineData("Bus:RabbitMq:Timeout", "00:00:00")]
    [InlineData("Bus:InProcess:InboxCapacity", "1")]
    [InlineData("Bus:InProcess:InboxBytes", "1")]
    [InlineData("Bus:RabbitMq:MaxMessageBytes", "1000")]
    [InlineData("Bus:RabbitMq:MaxUnconfirmedBytes", "0")]
    [InlineData("Bus:RabbitMq:SubmitPace", "00:00:01")]
    public async Task Bad_configuration_is_named_at_the_start(string key, string value)
    {
        using var host = HostWith((key, value));

        var refused = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync());

        Assert.Contains(key.Split(':')[^1], refused.Message, StringComparison.Ordinal);
    }

    private static async Task<(HealthStatus, string?)> CheckAsync(IHost host)
    {
        var report = await host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync();
        return (report.Entries["bus"].Status, report.Entries["bus"].Description);
    }

    private static IHost HostWith(params (string Key, string Value)[] settings)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Configuration.AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create(setting.Key, (string?)setting.Value)));
        builder.Services.AddSingleton(new ProcessIdentity("test"));
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddLiveBus();
        return builder.Build();
    }
}
