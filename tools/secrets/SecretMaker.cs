using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Tertulia.Secrets;

/// <summary>Sees to it that a secret has all its keys, and changes none that is there.</summary>
internal sealed class SecretMaker(ClusterApi cluster, TextWriter log)
{
    private const int Attempts = 5;

    /// <returns>Names of the keys that were made.</returns>
    /// <exception cref="InvalidOperationException">The cluster refused.</exception>
    public async Task<IReadOnlyList<string>> EnsureAsync(string name, IReadOnlyList<WantedKey> wanted, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            using var found = await cluster.GetAsync(name, cancellationToken);
            using var answer = found.StatusCode == HttpStatusCode.NotFound
                ? await cluster.CreateAsync(Secret(name, wanted), cancellationToken)
                : await AddAsync(name, await ReadAsync(found, cancellationToken), wanted, cancellationToken);
            if (answer is null)
            {
                return [];
            }

            if (answer.IsSuccessStatusCode)
            {
                var had = found.IsSuccessStatusCode ? Keys(await ReadAsync(found, cancellationToken)) : [];
                return [.. wanted.Select(key => key.Name).Where(key => !had.Contains(key))];
            }

            // Somebody was faster: look again, and leave theirs alone.
            if (answer.StatusCode != HttpStatusCode.Conflict || attempt == Attempts)
            {
                throw new InvalidOperationException($"{name}: {(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync(cancellationToken)}");
            }

            await log.WriteLineAsync($"{name} was changed meanwhile: once more.");
        }
    }

    /// <summary>Adds what is missing to what was read; null when nothing is.</summary>
    private async Task<HttpResponseMessage?> AddAsync(string name, JsonNode secret, IReadOnlyList<WantedKey> wanted, CancellationToken cancellationToken)
    {
        var had = Keys(secret);
        WantedKey[] missing = [.. wanted.Where(key => !had.Contains(key.Name))];
        if (missing.Length == 0)
        {
            return null;
        }

        // With the version that was read: of two that add a key at the same time the second is refused.
        var patch = new JsonObject
        {
            ["metadata"] = new JsonObject { ["resourceVersion"] = secret["metadata"]?["resourceVersion"]?.GetValue<string>() },
            ["data"] = Data(missing),
        };
        return await cluster.PatchAsync(name, patch.ToJsonString(), cancellationToken);
    }

    private static string Secret(string name, IEnumerable<WantedKey> wanted) => new JsonObject
    {
        ["apiVersion"] = "v1",
        ["kind"] = "Secret",
        ["type"] = "Opaque",
        ["metadata"] = new JsonObject
        {
            ["name"] = name,
            ["annotations"] = new JsonObject { ["helm.sh/resource-policy"] = "keep" },
            ["labels"] = new JsonObject { ["app.kubernetes.io/managed-by"] = "tertulia-secrets", ["app.kubernetes.io/part-of"] = "tertulia" },
        },
        ["data"] = Data(wanted),
    }.ToJsonString();

    private static JsonObject Data(IEnumerable<WantedKey> keys) =>
        new(keys.Select(key => KeyValuePair.Create(key.Name, (JsonNode?)Convert.ToBase64String(Encoding.UTF8.GetBytes(key.NewValue())))));

    private static HashSet<string> Keys(JsonNode secret) => [.. (secret["data"] as JsonObject ?? []).Select(pair => pair.Key)];

    private static async Task<JsonNode> ReadAsync(HttpResponseMessage answer, CancellationToken cancellationToken)
    {
        var text = await answer.Content.ReadAsStringAsync(cancellationToken);
        if (!answer.IsSuccessStatusCode)
        {
            throw new InvalidOperationException($"The cluster answered {(int)answer.StatusCode}: {text}");
        }

        try
        {
            return JsonNode.Parse(text) ?? throw new InvalidOperationException("The cluster answered null");
        }
        catch (JsonException bad)
        {
            throw new InvalidOperationException($"The cluster did not answer with a secret: {bad.Message}", bad);
        }
    }
}
