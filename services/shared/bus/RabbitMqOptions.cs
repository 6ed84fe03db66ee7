using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Tertulia.Bus;

/// <summary>The RabbitMQ broker behind the bus.</summary>
public sealed class RabbitMqOptions
{
    internal const string Section = "Bus:RabbitMq";

    /// <summary>Address, user, password and virtual host of the broker: <c>amqp://user:password@host:5672/vhost</c>, or <c>amqps</c> for TLS.</summary>
    /// <value>Default <c>amqp://guest:guest@127.0.0.1:5672/</c>, the broker's own default.</value>
    [Required]
    public Uri Uri { get; set; } = new("amqp://guest:guest@127.0.0.1:5672/");

    /// <summary>First part of the names of all exchanges and queues: clusters with different prefixes share a broker without meeting.</summary>
    /// <value>1 to 64 lower-case letters, digits, dots, hyphens and underscores; default <c>tertulia</c>.</value>
    [Required, RegularExpression("^[a-z0-9][a-z0-9._-]{0,63}$")]
    public string Prefix { get; set; } = "tertulia";

    /// <summary>Longest time a caller waits until the broker has confirmed what it published, a lost connection included; also the
    /// deadline of every other question to the broker.</summary>
    /// <value>100 milliseconds to 1 minute; default 5 seconds.</value>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:01:00")]
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Silence of the broker after which the connection counts as dead; both sides send heartbeats at half of it.</summary>
    /// <value>2 seconds to 10 minutes; default 10 seconds.</value>
    [Range(typeof(TimeSpan), "00:00:02", "00:10:00")]
    public TimeSpan Heartbeat { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Longest pause between two attempts to connect; the first is 100 milliseconds, each next one twice as long, all with jitter.</summary>
    /// <value>100 milliseconds to 5 minutes; default 3 seconds.</value>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:05:00")]
    public TimeSpan MaxReconnectDelay { get; set; } = TimeSpan.FromSeconds(3);

    /// <summary>Messages published and not yet confirmed, per purpose. More wait in the process, and their callers with them.</summary>
    /// <value>64 to 65 536; default 4096.</value>
    [Range(64, 65_536)]
    public int MaxUnconfirmed { get; set; } = 4096;

    /// <summary>Bytes published and not yet confirmed, per purpose. More wait in the process, and their callers with them.</summary>
    /// <value>Bytes, 1 MiB to 1 GiB; default 32 MiB.</value>
    [Range(1024 * 1024, 1024 * 1024 * 1024)]
    public int MaxUnconfirmedBytes { get; set; } = 32 * 1024 * 1024;

    /// <summary>Largest message that the broker takes, its own <c>max_message_size</c> (16 MiB from RabbitMQ 4.0 on). What is larger is refused here,
    /// because the broker would close the channel. If the broker says a smaller number, that one holds.</summary>
    /// <value>Bytes, 64 KiB to 512 MiB; default 16 MiB. It must hold a batch of commands, too: see <c>Connections:Submit:BatchBytes</c>.</value>
    [Range(64 * 1024, 512 * 1024 * 1024)]
    public int MaxMessageBytes { get; set; } = 16 * 1024 * 1024;

    /// <summary>What may wait for one node. Above it the oldest is dropped, and the node repairs its rooms by seq.</summary>
    /// <value>Bytes, 64 KiB to 1 GiB; default 64 MiB.</value>
    [Range(64 * 1024, 1024 * 1024 * 1024)]
    public int NodeQueueBytes { get; set; } = 64 * 1024 * 1024;

    /// <summary>What may wait for one message replica. Above it the broker refuses, and clients are told <c>overloaded</c>.</summary>
    /// <value>Bytes, 64 KiB to 1 GiB; default 128 MiB.</value>
    [Range(64 * 1024, 1024 * 1024 * 1024)]
    public int SubmitQueueBytes { get; set; } = 128 * 1024 * 1024;

    /// <summary>Longest delay between two batches from a node to a message replica while commands come so fast that several would go together: this long when no
    /// processor is free, zero when the machine is calm. 0 turns it off.</summary>
    /// <value>0 to 100 milliseconds; default 12 milliseconds.</value>
    [Range(typeof(TimeSpan), "00:00:00", "00:00:00.1")]
    public TimeSpan SubmitPace { get; set; } = TimeSpan.FromMilliseconds(12);
}

[OptionsValidator]
internal sealed partial class RabbitMqOptionsValidator : IValidateOptions<RabbitMqOptions>;
