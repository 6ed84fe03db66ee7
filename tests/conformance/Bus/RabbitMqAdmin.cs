using System.Text;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using Tertulia.Bus;
using Tertulia.Contracts;

namespace Tertulia.Conformance.Bus;

/// <summary>What only a test does with the broker.</summary>
internal static class RabbitMqAdmin
{
    public static async Task ConsumeDeadLettersAsync(
        RabbitMqOptions options, Action<(SubmitBatch, string)> add, List<IAsyncDisposable> owned)
    {
        var connection = await new ConnectionFactory { Uri = options.Uri }.CreateConnectionAsync();
        owned.Add(connection);
        var channel = await connection.CreateChannelAsync();
        await channel.QueueDeclareAsync(
            $"{options.Prefix}.submit_error", durable: true, exclusive: false, autoDelete: false,
            new Dictionary<string, object?> { ["x-queue-type"] = "quorum" });
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += (_, delivery) =>
        {
            var reason = Encoding.UTF8.GetString((byte[])delivery.BasicProperties.Headers!["reason"]!);
            add((SubmitBatch.Parser.ParseFrom(delivery.Body.Span), reason));
            return Task.CompletedTask;
        };
        await channel.BasicConsumeAsync($"{options.Prefix}.submit_error", autoAck: true, consumer);
    }

    /// <summary>What outlives its users: a broker that many tests share would collect it.</summary>
    public static async Task DeleteQueuesAsync(Uri broker, string prefix)
    {
        await using var connection = await new ConnectionFactory { Uri = broker }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync();
        await channel.QueueDeleteAsync($"{prefix}.submit_error");
        string[] exchanges = ["node", "nodes", "message", "presence", "replicas.message", "replicas.presence"];
        foreach (var exchange in exchanges)
        {
            await channel.ExchangeDeleteAsync($"{prefix}.{exchange}");
        }
    }

}
