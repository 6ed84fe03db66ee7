using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Tertulia.Bus;
using Tertulia.Bus.InProcess;
using Tertulia.Bus.RabbitMq;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Conformance.Bus;

/// <summary>One process's ends of the bus.</summary>
public sealed record BusMember(ILiveBus Live, ISubmitQueue Submit);

/// <summary>A bus of one adapter for one test, which any number of processes join.</summary>
public abstract class BusCluster : IAsyncDisposable
{
    /// <summary>What went to the dead-letter queue and why.</summary>
    public Recorder<(SubmitBatch Batch, string Reason)> DeadLetters { get; } = new();

    /// <summary>Another process.</summary>
    public abstract BusMember Join();

    /// <summary>Begins to fill <see cref="DeadLetters"/>.</summary>
    public abstract Task WatchDeadLettersAsync();

    /// <inheritdoc />
    public abstract ValueTask DisposeAsync();
}

/// <summary>All members are the same process.</summary>
public sealed class InProcessCluster : BusCluster
{
    private readonly InProcessLiveBus _live;
    private readonly InProcessSubmitQueue _submit;

    public InProcessCluster()
    {
        _live = new InProcessLiveBus(Options.Create(new InProcessBusOptions()), NullLogger<InProcessLiveBus>.Instance);
        _submit = new InProcessSubmitQueue(NullLogger<InProcessSubmitQueue>.Instance);
    }

    public override BusMember Join() => new(_live, _submit);

    public override Task WatchDeadLettersAsync()
    {
        _submit.DeadLettered += (batch, reason) => DeadLetters.Add((batch, reason));
        return Task.CompletedTask;
    }

    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

/// <summary>Members have connections of their own to a shared broker and meet under a prefix of their own. A message replica's queue holds 256 KiB, another receiver's 512 KiB.</summary>
/// <param name="broker">How members reach it.</param>
/// <param name="direct">How the test itself reaches it, when there is something in between.</param>
public sealed class RabbitMqCluster(Uri broker, Uri? direct = null) : BusCluster
{
    private readonly List<IAsyncDisposable> _members = [];

    internal RabbitMqOptions Options { get; } = new()
    {
        Uri = broker,
        Prefix = $"t{Guid.NewGuid():N}",
        SubmitQueueBytes = 256 * 1024,
        NodeQueueBytes = 512 * 1024,
        Timeout = TimeSpan.FromSeconds(10),
    };

    public override BusMember Join()
    {
        var connections = new RabbitMqBroker(
            Microsoft.Extensions.Options.Options.Create(Options), $"member-{_members.Count}", TimeProvider.System,
            NullLogger<RabbitMqBroker>.Instance);
        var member = new BusMember(new RabbitMqLiveBus(connections), new RabbitMqSubmitQueue(connections));
        connections.Start();
        _members.AddRange([connections, (IAsyncDisposable)member.Submit, (IAsyncDisposable)member.Live]);
        return member;
    }

    public override Task WatchDeadLettersAsync() => RabbitMqAdmin.ConsumeDeadLettersAsync(Options, DeadLetters.Add, _members);

    public override async ValueTask DisposeAsync()
    {
        foreach (var member in _members.AsEnumerable().Reverse())
        {
            await member.DisposeAsync();
        }

        await RabbitMqAdmin.DeleteQueuesAsync(direct ?? broker, Options.Prefix);
    }
}
