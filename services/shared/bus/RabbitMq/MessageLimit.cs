using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;
using RabbitMQ.Client.Events;

namespace Tertulia.Bus.RabbitMq;

/// <summary>The largest message that the broker takes: what is configured, or less if the broker says so.</summary>
/// <remarks>A larger message closes the channel, with all that is unconfirmed on it, each time it is published.</remarks>
internal sealed partial class MessageLimit(int bytes, ILogger logger)
{
    // Below it nobody sets a limit: a channel closed with nothing larger on it was closed for another reason.
    private const int LeastGuess = 4 * 1024;
    private const ushort PreconditionFailed = 406; // AMQP 0-9-1.
    private int _bytes = bytes;

    /// <summary>Bytes of a body.</summary>
    public int Bytes => Volatile.Read(ref _bytes);

    /// <returns>Null when all of the messages are within the limit.</returns>
    public MessageTooLargeException? Check(Publication publication)
    {
        foreach (var message in publication.Messages)
        {
            if (message.Bytes > Bytes)
            {
                return new MessageTooLargeException(
                    string.Create(CultureInfo.InvariantCulture, $"a message has {message.Bytes} bytes; the broker takes {Bytes} (Bus:RabbitMq:MaxMessageBytes)"));
            }
        }

        return null;
    }

    /// <summary>Learns from the end of a channel. Called before the callers are told that what they published is lost: they publish it again.</summary>
    /// <param name="reason">Null when the channel was not closed.</param>
    /// <param name="largestUnconfirmed">Bytes of the largest message that was on it. It is above the limit if any is, so that it is
    /// not published again although the broker has not said its limit.</param>
    public void OnClosed(ShutdownEventArgs? reason, int largestUnconfirmed)
    {
        if (reason is not { ReplyCode: PreconditionFailed })
        {
            return;
        }

        var taken = BytesIn(reason.ReplyText) ?? (largestUnconfirmed > LeastGuess ? largestUnconfirmed - 1 : int.MaxValue);
        if (taken < Bytes)
        {
            Volatile.Write(ref _bytes, taken);
            LogSmaller(taken, reason.ReplyText);
        }
    }

    /// <summary>The limit in the broker's sentence; null when the sentence is about something else.</summary>
    internal static int? BytesIn(string replyText) =>
        Sentence().Match(replyText) is { Success: true } match && int.TryParse(match.Groups["bytes"].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var bytes)
            ? bytes
            : null;

    // "message size 134217729 larger than max size 134217728" (3.x), "… is larger than configured max size …" (4.x).
    [GeneratedRegex(@"message size \d+ .*max size (?<bytes>\d+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Sentence();

    [LoggerMessage(Level = LogLevel.Error,
        Message = "The broker takes messages of {Bytes} bytes at most: set Bus:RabbitMq:MaxMessageBytes to its max_message_size, or raise that ({Reason})")]
    private partial void LogSmaller(int bytes, string reason);
}
