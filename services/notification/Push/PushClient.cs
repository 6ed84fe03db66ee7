using System.Buffers.Text;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using Tertulia.Notifications.Egress;

namespace Tertulia.Notifications.Push;

/// <summary>One device of a user, as its browser subscribed it.</summary>
/// <param name="UserId">Whose.</param>
/// <param name="DeviceId">The client's name for the device; unique per user.</param>
/// <param name="Endpoint">Where the push service takes pushes for it. A secret.</param>
/// <param name="Key">The browser's public key, <c>p256dh</c>, Base64url.</param>
/// <param name="Auth">The browser's secret, <c>auth</c>, Base64url.</param>
internal sealed record PushSubscription(string UserId, string DeviceId, string Endpoint, string Key, string Auth)
{
    /// <inheritdoc />
    public override string ToString() => $"{UserId}/{DeviceId}"; // A record would show its secrets.
}

/// <summary>What became of a push.</summary>
internal enum PushVerdict
{
    /// <summary>The push service has it.</summary>
    Sent,

    /// <summary>The subscription does not exist any more.</summary>
    Gone,

    /// <summary>To be tried again later.</summary>
    Later,

    /// <summary>It will never be taken.</summary>
    Refused,
}

/// <summary>A push service's answer.</summary>
/// <param name="Verdict">What it means.</param>
/// <param name="RetryAfter">With <see cref="PushVerdict.Later"/>: the time that it asked for, if any.</param>
/// <param name="Reason">For the log: a status, or what went wrong.</param>
internal readonly record struct PushOutcome(PushVerdict Verdict, TimeSpan? RetryAfter = null, string Reason = "");

/// <summary>Hands pushes to push services (RFC 8030).</summary>
internal sealed class PushClient(EgressRules rules, Func<CancellationToken, Task<VapidTokens>> tokens, TimeProvider time) : IDisposable
{
    private const int TopicChars = 32; // RFC 8030, 5.4.
    private static readonly TimeSpan MaxRetryAfter = TimeSpan.FromDays(1);

    private readonly HttpClient _http = rules.NewClient();

    /// <param name="subscription">The device.</param>
    /// <param name="content">What it shows.</param>
    /// <param name="timeToLive">How long the service keeps it for a device that it does not reach.</param>
    /// <param name="cancellationToken">Gives up; whether it was sent is then not known.</param>
    public async Task<PushOutcome> SendAsync(PushSubscription subscription, PushContent content, TimeSpan timeToLive, CancellationToken cancellationToken)
    {
        if (rules.Refusal(subscription.Endpoint, out var endpoint) is { } refusal)
        {
            return new PushOutcome(PushVerdict.Refused, Reason: refusal);
        }

        var authorization = (await tokens(cancellationToken)).Of(endpoint!);
        try
        {
            using var request = Request(endpoint!, authorization, subscription, content, timeToLive);
            using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            return Outcome(response);
        }
        catch (HttpRequestException refused) when (refused.InnerException is AddressRefusedException)
        {
            return new PushOutcome(PushVerdict.Refused, Reason: refused.InnerException.Message);
        }
        catch (Exception failed) when (failed is HttpRequestException || (failed is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return new PushOutcome(PushVerdict.Later, Reason: failed is HttpRequestException http ? http.HttpRequestError.ToString() : "no answer in time");
        }
    }

    public void Dispose() => _http.Dispose();

    private static HttpRequestMessage Request(Uri endpoint, string authorization, PushSubscription subscription, PushContent content, TimeSpan timeToLive)
    {
        var body = PushEncryption.Encrypt(content.ToPayload(), Base64Url.DecodeFromChars(subscription.Key), Base64Url.DecodeFromChars(subscription.Auth));
        var request = new HttpRequestMessage(HttpMethod.Post, endpoint) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        request.Content.Headers.ContentEncoding.Add("aes128gcm");
        request.Headers.TryAddWithoutValidation("Authorization", authorization);
        request.Headers.TryAddWithoutValidation("TTL", ((long)timeToLive.TotalSeconds).ToString(CultureInfo.InvariantCulture));
        request.Headers.TryAddWithoutValidation("Urgency", UrgencyOf(content.Kind));
        request.Headers.TryAddWithoutValidation("Topic", TopicOf(content.Tag));
        return request;
    }

    // The service sees it, so it tells nothing of rooms and users.
    private static string TopicOf(string tag) => Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes(tag)))[..TopicChars];

    private static string UrgencyOf(string kind) => kind switch
    {
        "direct" or "mention" or "reply" or "invitation" => "high",
        "reaction" or "digest" => "low",
        _ => "normal",
    };

    private PushOutcome Outcome(HttpResponseMessage response)
    {
        var reason = ((int)response.StatusCode).ToString(CultureInfo.InvariantCulture);
        return response.StatusCode switch
        {
            >= HttpStatusCode.OK and < HttpStatusCode.Ambiguous => new PushOutcome(PushVerdict.Sent),
            HttpStatusCode.NotFound or HttpStatusCode.Gone => new PushOutcome(PushVerdict.Gone, Reason: reason),
            HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout or >= HttpStatusCode.InternalServerError =>
                new PushOutcome(PushVerdict.Later, RetryAfter.Of(response, time, MaxRetryAfter), reason),
            _ => new PushOutcome(PushVerdict.Refused, Reason: reason), // A redirect too: it could lead anywhere.
        };
    }
}
