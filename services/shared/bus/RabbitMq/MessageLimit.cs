using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;
using RabbitMQ.Client.Events;

namespace Tertulia.Bus.RabbitMq;

/// <summary>The largest message that the broker takes: what is configured, or less if the broker says so.</summary>
/// <remarks>A larger message closes the channel, with all that is unconfirmed on it, each time it is published.</remarks>
internal sealed partial class MessageLimit(int bytes, ILogger logger)
{
    private const ushort PreconditionFailed = 406; // AMQP 0-9-1.
    private int _bytes = bytes;

    /// <summary>Bytes of a body.</summary>
    public int Bytes => Volatile.Read(ref _bytes);

    /// <exception cref="MessageTooLargeException">One of the messages is above the limit.</exception>
    public void Check(Publication publication)
    {
        foreach (var message in publication.Messages)
        {
            if (message.Bytes > Bytes)
            {
                throw new MessageTooLargeException(
                    string.Create(CultureInfo.InvariantCulture, $"a message has {message.Bytes} bytes; the broker takes {Bytes} (Bus:RabbitMq:MaxMessageBytes)"));
            }
        }
    }

    /// <summary>Hears why a channel was closed.</summary>
    public Task OnChannelShutdownAsync(object sender, ShutdownEventArgs reason)
    {
        if (reason.ReplyCode == PreconditionFailed && BytesIn(reason.ReplyText) is { } taken && taken < Bytes)
        {
            Volatile.Write(ref _bytes, taken);
            LogSmaller(taken);
        }

        return Task.CompletedTask;
    }

    /// <summary>The limit in the broker's sentence; null when the sentence is about something else.</summary>
    internal static int? BytesIn(string replyText) =>
        Sentence().Match(replyText) is { Success: true } match && int.TryParse(match.Groups["bytes"].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var bytes)
            ? bytes
            : null;

    // "message size 134217729 larger than max size 134217728" (3.x), "… is larger than configured max size …" (4.x).
    [GeneratedRegex(@"message size \d+ .*max size (?<bytes>\d+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Sentence();

    [LoggerMessage(Level = LogLevel.Error, Message = "The broker takes messages of {Bytes} bytes at most: set Bus:RabbitMq:MaxMessageBytes to that")]
    private partial void LogSmaller(int bytes);
}
