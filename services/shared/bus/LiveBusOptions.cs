using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;
using Tertulia.Contracts;

namespace Tertulia.Bus;

/// <summary>Which adapter carries the bus.</summary>
public enum BusKind
{
    /// <summary>A RabbitMQ broker: any number of processes.</summary>
    RabbitMq,

    /// <summary>Channels in this process: the all-in-one host, tests.</summary>
    InProcess,
}

/// <summary>The ways between the processes.</summary>
public sealed class LiveBusOptions
{
    internal const string Section = "Bus";

    /// <summary>The adapter.</summary>
    /// <value><c>RabbitMq</c> or <c>InProcess</c>; default <c>RabbitMq</c>.</value>
    [EnumDataType(typeof(BusKind))]
    public BusKind Kind { get; set; } = BusKind.RabbitMq;

    /// <summary>Partitions of the rooms, each with one writer at a time. The same in all processes of a cluster: change it only while all of them are stopped.</summary>
    /// <value>1 to 256; default 16.</value>
    [Range(1, 256)]
    public int Partitions { get; set; } = Partitioner.DefaultPartitions;
}

[OptionsValidator]
internal sealed partial class LiveBusOptionsValidator : IValidateOptions<LiveBusOptions>;
