using Tertulia.Testing;

namespace Tertulia.Chart.Tests;

/// <summary>What cannot be meant is refused before anything is installed, with a sentence that helps.</summary>
[Trait(Needs.Trait, Needs.Helm)]
public sealed class RefusedValuesTests
{
    [Theory]
    [InlineData("gatewy.replicas=3", "gatewy")]
    [InlineData("gateway.replica=3", "replica")]
    [InlineData("gateway.replicas=many", "replicas")]
    [InlineData("rabbitmq.mode=bitnami", "mode")]
    [InlineData("partitions=0", "partitions")]
    [InlineData("config.Limits__EventPerMinute=600", "Limits__EventPerMinute")]
    [InlineData("message.config.Messages__FlushComands=1", "Messages__FlushComands")]
    [InlineData("otel.endpoint=collector", "endpoint")]
    [InlineData("image.digest=sha256:1", "digest")]
    public async Task A_typo_or_a_bad_value_is_refused_by_the_schema(string set, string named)
    {
        foreach (var version in (string[])["helm4", "helm3"])
        {
            var said = await Helm.TemplateAsync(version, "--set", set);

            Assert.NotEqual(0, said.ExitCode);
            Assert.Contains(named, said.Errors, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("replicaCount=3", "gateway.replicas")]
    [InlineData("imagePullSecrets[0].name=registry", "image.pullSecrets")]
    [InlineData("redis.enabled=true", "RabbitMQ")]
    public async Task A_value_that_is_not_there_any_more_is_refused_with_what_to_use_instead(string set, string pointer)
    {
        var said = await Helm.TemplateAsync("helm4", "--set", set);

        Assert.NotEqual(0, said.ExitCode);
        Assert.Contains(pointer, said.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("rabbitmq.mode=external", "rabbitmq.external.existingSecret")]
    [InlineData("store.kind=postgresql,postgresql.mode=external", "postgresql.external.existingSecret")]
    [InlineData("mongodb.mode=external", "mongodb.external.existingSecret")]
    [InlineData("gateway.tls.enabled=true", "gateway.tls.dnsNames")]
    [InlineData("gateway.tls.enabled=true,gateway.tls.dnsNames={a}", "certManager.issuerRef")]
    [InlineData("httpRoute.enabled=true", "httpRoute.parentRefs")]
    [InlineData("secrets.job.enabled=false", "internal-secret, auth-secret, rabbitmq-password, mongodb-password")]
    public async Task What_is_missing_is_named(string set, string named)
    {
        var said = await Helm.TemplateAsync("helm4", "--set", set);

        Assert.NotEqual(0, said.ExitCode);
        Assert.Contains(named, said.Errors, StringComparison.Ordinal);
    }
}
