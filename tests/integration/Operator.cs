using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>Who knows the internal secret: the commands of the notification service.</summary>
internal sealed class Operator : IDisposable
{
    public const string Secret = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    private readonly HttpClient _http;
    private readonly List<string> _webhooks = [];

    public Operator(Uri service)
    {
        _http = new HttpClient { BaseAddress = service, Timeout = TimeSpan.FromSeconds(20) };
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Secret);
    }

    /// <summary>Events are told to a receiver until <see cref="RemoveAsync"/>.</summary>
    public async Task AddWebhookAsync(WebhookReceiver receiver, string[] events, params string[] rooms)
    {
        var id = $"hook-{Guid.NewGuid():N}";
        using var answer = await _http.PutAsJsonAsync($"/admin/webhooks/{id}", new { url = receiver.Url, secret = WebhookReceiver.Secret, events, rooms });
        answer.EnsureSuccessStatusCode();
        _webhooks.Add(id);
    }

    /// <summary>What it has added is gone.</summary>
    public async Task RemoveAsync()
    {
        foreach (var id in _webhooks)
        {
            using var answer = await _http.DeleteAsync(new Uri($"/admin/webhooks/{id}", UriKind.Relative));
        }

        _webhooks.Clear();
    }

    /// <summary>Jobs in the error queue: key and error.</summary>
    public async Task<IReadOnlyList<(string Key, string Error)>> FailedAsync()
    {
        var page = await _http.GetFromJsonAsync<JsonElement>("/admin/jobs/failed?limit=500");
        return [.. page.GetProperty("items").EnumerateArray().Select(item => (item.GetProperty("key").GetString()!, item.GetProperty("error").GetString()!))];
    }

    /// <summary>Gives a job of the error queue another chance.</summary>
    /// <returns>How many there were.</returns>
    public async Task<int> ReplayAsync(string key)
    {
        using var answer = await _http.PostAsync(new Uri($"/admin/jobs/failed/replay?key={Uri.EscapeDataString(key)}", UriKind.Relative), null);
        return (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("count").GetInt32();
    }

    public void Dispose() => _http.Dispose();
}
