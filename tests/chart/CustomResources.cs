using System.Text.Json.Serialization;
using k8s.Models;

namespace Tertulia.Chart.Tests;

// The fields of custom resources that the chart uses, as their definitions have them: what is not here is refused like an unknown field of a kind of
// Kubernetes' own. Required fields, types and patterns are checked by tools/validate.cjs against the definitions' own schemas.

internal sealed class Named<TSpec>
{
    public string ApiVersion { get; set; } = "";

    public string Kind { get; set; } = "";

    public V1ObjectMeta Metadata { get; set; } = new();

    public TSpec Spec { get; set; } = default!;
}

/// <summary>rabbitmq.com/v1beta1, https://www.rabbitmq.com/kubernetes/operator/using-operator.</summary>
internal sealed class RabbitmqClusterSpec
{
    public int Replicas { get; set; }

    public string? Image { get; set; }

    public IList<V1LocalObjectReference>? ImagePullSecrets { get; set; }

    public V1ResourceRequirements? Resources { get; set; }

    public RabbitmqPersistence? Persistence { get; set; }

    public RabbitmqConfiguration? Rabbitmq { get; set; }
}

internal sealed class RabbitmqPersistence
{
    public string? StorageClassName { get; set; }

    public string Storage { get; set; } = "";
}

internal sealed class RabbitmqConfiguration
{
    public string? AdditionalConfig { get; set; }
}

/// <summary>mongodbcommunity.mongodb.com/v1, https://github.com/mongodb/mongodb-kubernetes.</summary>
internal sealed class MongoDbCommunitySpec
{
    public int Members { get; set; }

    public string Type { get; set; } = "";

    public string Version { get; set; } = "";

    public MongoDbSecurity Security { get; set; } = new();

    public IList<MongoDbUser> Users { get; set; } = [];

    public MongoDbStatefulSet? StatefulSet { get; set; }
}

internal sealed class MongoDbSecurity
{
    public MongoDbAuthentication Authentication { get; set; } = new();
}

internal sealed class MongoDbAuthentication
{
    public IList<string> Modes { get; set; } = [];
}

internal sealed class MongoDbUser
{
    public string Name { get; set; } = "";

    public string Db { get; set; } = "";

    public V1SecretKeySelector PasswordSecretRef { get; set; } = new();

    public IList<MongoDbRole> Roles { get; set; } = [];

    public string ScramCredentialsSecretName { get; set; } = "";

    public string ConnectionStringSecretName { get; set; } = "";
}

internal sealed class MongoDbRole
{
    public string Name { get; set; } = "";

    public string Db { get; set; } = "";
}

internal sealed class MongoDbStatefulSet
{
    public MongoDbStatefulSetSpec Spec { get; set; } = new();
}

internal sealed class MongoDbStatefulSetSpec
{
    public IList<V1PersistentVolumeClaim> VolumeClaimTemplates { get; set; } = [];
}

/// <summary>gateway.networking.k8s.io/v1.</summary>
internal sealed class HttpRouteSpec
{
    public IList<ParentReference> ParentRefs { get; set; } = [];

    public IList<string>? Hostnames { get; set; }

    public IList<HttpRouteRule> Rules { get; set; } = [];
}

internal sealed class ParentReference
{
    public string? Namespace { get; set; }

    public string Name { get; set; } = "";

    public string? SectionName { get; set; }
}

internal sealed class HttpRouteRule
{
    public IList<HttpRouteMatch> Matches { get; set; } = [];

    public HttpRouteTimeouts? Timeouts { get; set; }

    public IList<BackendReference> BackendRefs { get; set; } = [];
}

internal sealed class HttpRouteMatch
{
    public HttpPathMatch Path { get; set; } = new();
}

internal sealed class HttpPathMatch
{
    public string Type { get; set; } = "";

    public string Value { get; set; } = "";
}

internal sealed class HttpRouteTimeouts
{
    public string? Request { get; set; }

    public string? BackendRequest { get; set; }
}

internal sealed class BackendReference
{
    public string Name { get; set; } = "";

    public int Port { get; set; }
}

/// <summary>cert-manager.io/v1.</summary>
internal sealed class CertificateSpec
{
    public string SecretName { get; set; } = "";

    public string? CommonName { get; set; }

    public IList<string> DnsNames { get; set; } = [];

    public bool IsCA { get; set; }

    public string? Duration { get; set; }

    public IList<string> Usages { get; set; } = [];

    public CertificatePrivateKey? PrivateKey { get; set; }

    public IssuerReference IssuerRef { get; set; } = new();
}

internal sealed class CertificatePrivateKey
{
    public string? Algorithm { get; set; }

    public int Size { get; set; }

    public string? RotationPolicy { get; set; }
}

internal sealed class IssuerReference
{
    public string Name { get; set; } = "";

    public string? Kind { get; set; }

    public string? Group { get; set; }
}

/// <summary>cert-manager.io/v1.</summary>
internal sealed class IssuerSpec
{
    public SelfSignedIssuer? SelfSigned { get; set; }

    public AuthorityIssuer? Ca { get; set; }
}

internal sealed class SelfSignedIssuer
{
    public IList<string> CrlDistributionPoints { get; set; } = [];
}

internal sealed class AuthorityIssuer
{
    public string SecretName { get; set; } = "";
}

/// <summary>monitoring.coreos.com/v1.</summary>
internal sealed class ServiceMonitorSpec
{
    public string? JobLabel { get; set; }

    public MonitoredNamespaces? NamespaceSelector { get; set; }

    public V1LabelSelector Selector { get; set; } = new();

    public IList<MonitoredEndpoint> Endpoints { get; set; } = [];
}

internal sealed class MonitoredNamespaces
{
    public IList<string> MatchNames { get; set; } = [];
}

internal sealed class MonitoredEndpoint
{
    public string Port { get; set; } = "";

    public string? Path { get; set; }

    public string? Interval { get; set; }

    public MonitoredAuthorization? Authorization { get; set; }
}

internal sealed class MonitoredAuthorization
{
    public string? Type { get; set; }

    public V1SecretKeySelector? Credentials { get; set; }
}

/// <summary>monitoring.coreos.com/v1.</summary>
internal sealed class PrometheusRuleSpec
{
    public IList<RuleGroup> Groups { get; set; } = [];
}

internal sealed class RuleGroup
{
    public string Name { get; set; } = "";

    public IList<AlertRule> Rules { get; set; } = [];
}

internal sealed class AlertRule
{
    public string Alert { get; set; } = "";

    public string Expr { get; set; } = "";

    [JsonPropertyName("for")]
    public string? For { get; set; }

    public IDictionary<string, string>? Labels { get; set; }

    public IDictionary<string, string>? Annotations { get; set; }
}

internal static class CustomResources
{
    /// <summary>For the parser.</summary>
    public static IDictionary<string, Type> Types { get; } = new Dictionary<string, Type>
    {
        ["rabbitmq.com/v1beta1/RabbitmqCluster"] = typeof(Named<RabbitmqClusterSpec>),
        ["mongodbcommunity.mongodb.com/v1/MongoDBCommunity"] = typeof(Named<MongoDbCommunitySpec>),
        ["gateway.networking.k8s.io/v1/HTTPRoute"] = typeof(Named<HttpRouteSpec>),
        ["cert-manager.io/v1/Certificate"] = typeof(Named<CertificateSpec>),
        ["cert-manager.io/v1/Issuer"] = typeof(Named<IssuerSpec>),
        ["monitoring.coreos.com/v1/ServiceMonitor"] = typeof(Named<ServiceMonitorSpec>),
        ["monitoring.coreos.com/v1/PrometheusRule"] = typeof(Named<PrometheusRuleSpec>),
    };
}
