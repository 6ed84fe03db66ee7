using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Tertulia.Secrets;

/// <summary>The secrets of this pod's namespace, through the cluster's API.</summary>
/// <param name="client">With the API server's address and this pod's token.</param>
/// <param name="space">The namespace.</param>
internal sealed class ClusterApi(HttpClient client, string space) : IDisposable
{
    private const string Account = "/var/run/secrets/kubernetes.io/serviceaccount";

    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(20);

    /// <summary>With what Kubernetes puts into every pod (https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/).</summary>
    /// <exception cref="InvalidOperationException">This is no pod.</exception>
    public static ClusterApi FromPod()
    {
        var host = Environment.GetEnvironmentVariable("KUBERNETES_SERVICE_HOST");
        var port = Environment.GetEnvironmentVariable("KUBERNETES_SERVICE_PORT");
        var account = Environment.GetEnvironmentVariable("TERTULIA_SERVICE_ACCOUNT_FOLDER") ?? Account;
        if (string.IsNullOrEmpty(host) || string.IsNullOrEmpty(port))
        {
            throw new InvalidOperationException("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not there: this program runs in a pod.");
        }

        var authorities = new X509Certificate2Collection();
        authorities.ImportFromPemFile(Path.Combine(account, "ca.crt"));
        var handler = new SocketsHttpHandler
        {
            SslOptions = new SslClientAuthenticationOptions
            {
                CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck },
            },
        };
        handler.SslOptions.CertificateChainPolicy.CustomTrustStore.AddRange(authorities);
        var bracketed = host.Contains(':', StringComparison.Ordinal) ? $"[{host}]" : host;
        var client = new HttpClient(handler) { BaseAddress = new Uri($"https://{bracketed}:{port}"), Timeout = Timeout };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", File.ReadAllText(Path.Combine(account, "token")).Trim());
        return new ClusterApi(client, File.ReadAllText(Path.Combine(account, "namespace")).Trim());
    }

    public void Dispose() => client.Dispose();

    public Task<HttpResponseMessage> GetAsync(string name, CancellationToken cancellationToken) => client.GetAsync(SecretPath(name), cancellationToken);

    public Task<HttpResponseMessage> CreateAsync(string json, CancellationToken cancellationToken) =>
        client.PostAsync(SecretPath(null), Content(json, "application/json"), cancellationToken);

    public Task<HttpResponseMessage> PatchAsync(string name, string json, CancellationToken cancellationToken) =>
        client.PatchAsync(SecretPath(name), Content(json, "application/merge-patch+json"), cancellationToken);

    private string SecretPath(string? name) =>
        $"/api/v1/namespaces/{Uri.EscapeDataString(space)}/secrets{(name is null ? "" : "/" + Uri.EscapeDataString(name))}";

    private static StringContent Content(string json, string type) => new(json, new MediaTypeHeaderValue(type));
}
