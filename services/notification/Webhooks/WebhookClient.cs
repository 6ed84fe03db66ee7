using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using Tertulia.Notifications.Egress;

namespace Tertulia.Notifications.Webhooks;

/// <summary>A receiver's answer.</summary>
/// <param name="IsTaken">It has the event.</param>
/// <param name="IsGone">It says that it is gone for good (410).</param>
/// <param name="RetryAfter">The time that it asked for, if any.</param>
/// <param name="Error">Why it was not taken: a status, or what went wrong.</param>
internal readonly record struct WebhookOutcome(bool IsTaken, bool IsGone = false, TimeSpan? RetryAfter = null, string Error = "");

/// <summary>Posts events, signed as Standard Webhooks has it (https://www.standardwebhooks.com).</summary>
internal sealed class WebhookClient(EgressRules rules, TimeProvider time) : IDisposable
{
    private const string Base64Secret = "whsec_";
    private static readonly TimeSpan MaxRetryAfter = TimeSpan.FromHours(6);

    private readonly HttpClient _http = rules.NewClient();

    public async Task<WebhookOutcome> SendAsync(Webhook webhook, string eventId, string body, CancellationToken cancellationToken)
    {
        if (rules.Refusal(webhook.Url, out var url) is { } refusal)
        {
            return new WebhookOutcome(false, Error: refusal);
        }

        try
        {
            using var request = Request(url!, webhook, eventId, body);
            using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            return new WebhookOutcome(
                response.IsSuccessStatusCode, response.StatusCode == HttpStatusCode.Gone, RetryAfter.Of(response, time, MaxRetryAfter),
                $"answered {((int)response.StatusCode).ToString(CultureInfo.InvariantCulture)}");
        }
        catch (HttpRequestException failed)
        {
            return new WebhookOutcome(false, Error: failed.InnerException is AddressRefusedException refused ? refused.Message : failed.HttpRequestError.ToString());
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new WebhookOutcome(false, Error: "no answer in time");
        }
    }

    public void Dispose() => _http.Dispose();

    private HttpRequestMessage Request(Uri url, Webhook webhook, string eventId, string body)
    {
        // Of this attempt: a receiver refuses what is old, so that nobody can send it a second time.
        var timestamp = time.GetUtcNow().ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        var signature = HMACSHA256.HashData(KeyOf(webhook.Secret), Encoding.UTF8.GetBytes($"{eventId}.{timestamp}.{body}"));
        var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body)) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        request.Headers.Add("Webhook-Id", eventId);
        request.Headers.Add("Webhook-Timestamp", timestamp);
        request.Headers.Add("Webhook-Signature", $"v1,{Convert.ToBase64String(signature)}");
        request.Headers.UserAgent.Add(new ProductInfoHeaderValue("Tertulia", "1"));
        return request;
    }

    private static byte[] KeyOf(string secret)
    {
        var encoded = secret.StartsWith(Base64Secret, StringComparison.Ordinal) ? secret[Base64Secret.Length..] : "";
        var key = new byte[encoded.Length];
        return encoded.Length > 0 && Convert.TryFromBase64String(encoded, key, out var length) ? key[..length] : Encoding.UTF8.GetBytes(secret);
    }
}
