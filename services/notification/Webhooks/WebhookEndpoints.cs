using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http.HttpResults;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Notifications.Admin;
using Tertulia.Notifications.Egress;
using Tertulia.Notifications.Jobs;

namespace Tertulia.Notifications.Webhooks;

/// <summary><c>/admin/webhooks</c>: what operators do with webhooks.</summary>
internal static class WebhookEndpoints
{
    public static void Map(IEndpointRouteBuilder admin)
    {
        admin.MapGet("/webhooks", ListAsync);
        admin.MapPut("/webhooks/{id}", PutAsync);
        admin.MapDelete("/webhooks/{id}", DeleteAsync);
        admin.MapPost("/webhooks/{id}/enable", EnableAsync);
    }

    internal static async Task<Ok<WebhookItem[]>> ListAsync(WebhookStore webhooks, CancellationToken cancellationToken) =>
        TypedResults.Ok((await webhooks.ListAsync(cancellationToken)).Select(WebhookItem.From).ToArray());

    /// <summary>Adds it, or changes and enables it.</summary>
    internal static async Task<Results<NoContent, ProblemHttpResult>> PutAsync(
        string id, WebhookRequest request, WebhookStore webhooks, JobStore jobs, EgressRules rules, TimeProvider time, CancellationToken cancellationToken)
    {
        var endpoint = new WebhookEndpoint
        {
            Id = id, Url = request.Url ?? "", Secret = request.Secret ?? "", Events = request.Events ?? [], Rooms = request.Rooms ?? [],
        };
        if (WebhookRules.Refusal(endpoint, rules) is { } refusal)
        {
            return Problems.From(ErrorCode.BadRequest, refusal);
        }

        if (await webhooks.FindAsync(id, cancellationToken) is { IsConfigured: true })
        {
            return Problems.From(ErrorCode.BadRequest, "this webhook is in the configuration");
        }

        await webhooks.PutAsync(endpoint, cancellationToken, round => OperatorRecords.AddAsync(round, "webhook_put", id, endpoint.Url, time.GetUtcNow()));
        jobs.Ring();
        return TypedResults.NoContent();
    }

    internal static async Task<Results<NoContent, NotFound>> DeleteAsync(
        string id, WebhookStore webhooks, JobStore jobs, TimeProvider time, CancellationToken cancellationToken)
    {
        var removed = await webhooks.RemoveAsync(id, cancellationToken, round => OperatorRecords.AddAsync(round, "webhook_removed", id, "", time.GetUtcNow()));
        jobs.Ring();
        return removed ? TypedResults.NoContent() : TypedResults.NotFound();
    }

    internal static async Task<Results<NoContent, NotFound>> EnableAsync(
        string id, WebhookStore webhooks, JobStore jobs, TimeProvider time, CancellationToken cancellationToken)
    {
        var enabled = await webhooks.EnableAsync(id, cancellationToken, round => OperatorRecords.AddAsync(round, "webhook_enabled", id, "", time.GetUtcNow()));
        jobs.Ring();
        return enabled ? TypedResults.NoContent() : TypedResults.NotFound();
    }
}

/// <summary>As in <see cref="WebhookEndpoint"/>.</summary>
internal sealed record WebhookRequest(string? Url, string? Secret, string[]? Events, string[]? Rooms);

/// <summary>A webhook as operators see it: without its secret.</summary>
internal sealed record WebhookItem(
    string Id, string Url, IReadOnlyList<string> Events, IReadOnlyList<string> Rooms, bool Configured,
    [property: JsonPropertyName("succeeded_at")] DateTimeOffset? SucceededAt, [property: JsonPropertyName("failing_since")] DateTimeOffset? FailingSince,
    [property: JsonPropertyName("disabled_at")] DateTimeOffset? DisabledAt, string? Error)
{
    public static WebhookItem From(Webhook webhook) => new(
        webhook.Id, webhook.Url, webhook.Events, webhook.Rooms, webhook.IsConfigured, webhook.SucceededAt, webhook.FailingSince, webhook.DisabledAt,
        webhook.Error.Length > 0 ? webhook.Error : null);
}
