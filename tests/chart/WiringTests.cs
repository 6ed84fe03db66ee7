using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Tertulia.Testing;

namespace Tertulia.Chart.Tests;

/// <summary>What the chart tells the processes is what they read, and what its objects say of each other is so.</summary>
[Trait(Needs.Trait, Needs.Helm)]
public sealed partial class WiringTests
{
    private static readonly string[] Services = ServiceKeys.Services;

    [Fact]
    public async Task Every_variable_of_a_service_is_a_key_that_this_service_reads()
    {
        foreach (var rendered in await Helm.RenderAllAsync())
        {
            foreach (var service in Services)
            {
                var own = VariablesOf(rendered, service);
                var read = ServiceKeys.Of(service);
                // Parts of other variables: $(NAME).
                var parts = own.Values.SelectMany(value => Part().Matches(value).Select(part => part.Groups[1].Value)).ToHashSet(StringComparer.Ordinal);

                Assert.All(own.Keys.Where(name => !parts.Contains(name) && !IsExtra(rendered, name)), name => Assert.True(read.IsMatch(name),
                    $"{rendered.Name}: {service} does not read {name}"));
            }
        }
    }

    [Fact]
    public async Task Shared_settings_hold_only_keys_that_some_service_reads()
    {
        var read = Services.Select(ServiceKeys.Of).ToArray();
        foreach (var rendered in await Helm.RenderAllAsync())
        {
            var settings = rendered.The("ConfigMap", "settings").Json["data"]!.AsObject().Select(pair => pair.Key);

            Assert.All(settings, name => Assert.Contains(read, keys => keys.IsMatch(name)));
        }
    }

    [Fact]
    public async Task Every_service_gets_what_its_start_asks_for()
    {
        foreach (var rendered in await Helm.RenderAllAsync())
        {
            var shared = rendered.The("ConfigMap", "settings").Json["data"]!.AsObject().Select(pair => pair.Key).ToArray();
            foreach (var service in Services)
            {
                var has = VariablesOf(rendered, service).Keys.Concat(shared).ToHashSet(StringComparer.Ordinal);
                var needs = ServiceKeys.NeededBy(service).Append("Bus__Partitions").ToArray();

                Assert.All(needs, key => Assert.Contains(key, has));
                Assert.DoesNotContain(has, key => key.StartsWith("Services__", StringComparison.Ordinal) && !needs.Contains(key));
                Assert.Equal(ServiceKeys.HasStore(service), has.Any(key => key.StartsWith("Store__", StringComparison.Ordinal)));
            }

            Assert.Contains(VariablesOf(rendered, "connection").Keys, key => key is "Auth__Secret" or "Auth__PublicKeys" or "Auth__JwksUrl");
        }
    }

    [Fact]
    public async Task Every_command_is_a_program_of_the_image()
    {
        var published = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "deploy/docker/publish.sh"));
        foreach (var container in (await Helm.RenderAllAsync()).SelectMany(rendered => rendered.Workloads).Where(workload =>
            ServiceKeys.Programs.ContainsKey(workload.Component)).Select(workload => (workload.Component, Container: workload.Containers.First())))
        {
            var (program, folder) = ServiceKeys.Programs[container.Component];

            Assert.Equal($"""["dotnet","{program}.dll"]""", container.Container["command"]!.ToJsonString());
            Assert.Contains($" {folder}/{program}.csproj\n", published, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Secrets_that_nobody_gives_are_made_by_the_job_with_the_keys_that_are_read()
    {
        foreach (var rendered in await Helm.RenderAllAsync())
        {
            var made = rendered.OfKind("Job").SelectMany(job => job.Containers).SelectMany(container => container["args"]!.AsArray())
                .Select(argument => argument!.ToString()).ToArray();
            var references = rendered.Workloads.SelectMany(workload => workload.Containers).SelectMany(container => container["env"] as JsonArray ?? [])
                .Select(variable => variable!["valueFrom"]?["secretKeyRef"]).OfType<JsonNode>().Select(key => (Name: key["name"]!.ToString(),
                    Key: key["key"]!.ToString()))
                .Concat(rendered.Workloads.SelectMany(workload => workload.PodSpec!["volumes"] as JsonArray ?? []).Select(volume => volume!["secret"])
                    .Where(secret => secret?["items"] is not null)
                    .SelectMany(secret => secret!["items"]!.AsArray().Select(item => (Name: secret["secretName"]!.ToString(), Key: item!["key"]!.ToString()))))
                .Concat(rendered.OfKind("MongoDBCommunity").SelectMany(cluster => cluster.At("spec.users")!.AsArray()).Select(user =>
                    (Name: user!["passwordSecretRef"]!["name"]!.ToString(), Key: user["passwordSecretRef"]!["key"]!.ToString())))
                .ToArray();
            var generated = references.Where(reference => reference.Name.EndsWith("-generated", StringComparison.Ordinal)).ToArray();

            Assert.Equal(
                made.Skip(1).Select(argument => argument.Split('=')[0]).Order(StringComparer.Ordinal),
                generated.Select(reference => reference.Key).Distinct(StringComparer.Ordinal).Where(key => key != "internal-secret-next")
                    .Order(StringComparer.Ordinal));
            Assert.All(generated, reference => Assert.Equal(made[0], reference.Name));
            Assert.Empty(rendered.OfKind("Secret")); // None is made in a template: it would change with each rendering.
        }
    }

    [Fact]
    public async Task The_kind_of_the_store_is_one_that_there_is()
    {
        var kinds = (await File.ReadAllTextAsync(Path.Combine(Repository.Root, "services/shared/sql/StoreOptions.cs"))).Split("enum StoreKind")[1];
        foreach (var rendered in await Helm.RenderAllAsync())
        {
            Assert.All(ServiceKeys.Services.Where(ServiceKeys.HasStore), service => Assert.Contains($"    {VariablesOf(rendered, service)["Store__Kind"]},\n",
                kinds, StringComparison.Ordinal));
            Assert.Single(ServiceKeys.Services.Where(ServiceKeys.HasStore).Select(service => VariablesOf(rendered, service)["Store__Kind"]).Distinct(StringComparer.Ordinal));
        }
    }

    [Fact]
    public async Task With_internal_tls_every_service_has_a_certificate_for_both_sides_and_none_speaks_without()
    {
        foreach (var rendered in await Helm.RenderAllAsync())
        {
            var isOn = rendered.Name.StartsWith("internal-tls", StringComparison.Ordinal) || rendered.Name == "everything";
            var certificates = rendered.OfKind("Certificate").ToDictionary(certificate => certificate.Text("spec.secretName"), StringComparer.Ordinal);
            foreach (var service in Services)
            {
                var own = VariablesOf(rendered, service);
                var workload = rendered.The("Deployment", service);
                var volume = workload.PodSpec!["volumes"]!.AsArray().SingleOrDefault(volume => (string?)volume!["name"] == "internal-tls");
                var addresses = own.Where(variable => variable.Key is "Listen__Http2" or "Gateway__Nodes").Select(variable => variable.Value);

                Assert.Equal(isOn ? ["ca.crt", "tls.crt", "tls.key"] : [], own.Where(variable => variable.Key.StartsWith("Internal__Tls__", StringComparison.Ordinal))
                    .Select(variable => Path.GetRelativePath("/internal-tls", variable.Value)).Order(StringComparer.Ordinal));
                Assert.All(addresses, address => Assert.StartsWith(isOn ? "https://" : "http://", address, StringComparison.Ordinal));
                Assert.Equal(isOn, volume is not null);
                if (isOn && (string?)volume!["secret"]!["secretName"] is var secret && secret != "certificates")
                {
                    var certificate = certificates[secret!];
                    Assert.Equal(["digital signature", "server auth", "client auth"], certificate.At("spec.usages")!.AsArray().Select(usage => usage!.ToString()));
                    Assert.Contains(workload.Name, certificate.At("spec.dnsNames")!.AsArray().Select(name => name!.ToString()));
                    Assert.True(
                        certificate.Text("spec.issuerRef.name") == "ours" || rendered.OfKind("Issuer").Any(issuer => issuer.Name == certificate.Text("spec.issuerRef.name")
                            && certificates[issuer.Text("spec.ca.secretName")].Text("spec.isCA") == "true"),
                        $"{rendered.Name}: nobody signs for {service}");
                }
            }
        }
    }

    [Fact]
    public async Task A_secret_is_a_reference_and_never_a_text()
    {
        var texts = (await Helm.RenderAllAsync()).SelectMany(rendered => rendered.Workloads).SelectMany(workload => workload.Containers)
            .SelectMany(container => container["env"] as JsonArray ?? []).Where(variable => variable!["value"] is not null)
            .Select(variable => $"{variable!["name"]}={variable["value"]}").ToArray();

        Assert.DoesNotContain(texts, text => SecretName().IsMatch(text.Split('=')[0]));
        Assert.All(texts.Where(text => text.Contains("Password=", StringComparison.Ordinal)), text => Assert.Contains("Password=$(", text,
            StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_variable_comes_after_those_that_it_names()
    {
        foreach (var container in (await Helm.RenderAllAsync()).SelectMany(rendered => rendered.Workloads).SelectMany(workload => workload.Containers))
        {
            var seen = new HashSet<string>(StringComparer.Ordinal);
            foreach (var variable in container["env"] as JsonArray ?? [])
            {
                Assert.All(Part().Matches(variable!["value"]?.ToString() ?? ""), part => Assert.Contains(part.Groups[1].Value, seen));
                Assert.True(seen.Add(variable["name"]!.ToString()), $"{container["name"]}: {variable["name"]} twice");
            }
        }
    }

    [Fact]
    public async Task Selectors_find_exactly_the_pods_of_their_component()
    {
        foreach (var rendered in await Helm.RenderAllAsync())
        {
            var pods = rendered.Workloads.ToArray();
            foreach (var manifest in rendered.Objects.Where(manifest => manifest.Kind is "Service" or "Deployment" or "StatefulSet" or "PodDisruptionBudget"))
            {
                var selector = (manifest.Kind == "Service" ? manifest.At("spec.selector") : manifest.At("spec.selector.matchLabels"))!.AsObject();
                var found = pods.Where(pod => selector.All(label => (string?)pod.PodLabels[label.Key] == (string?)label.Value)).ToArray();

                Assert.Equal([manifest.Component], found.Select(pod => pod.Component));
                Assert.DoesNotContain("app.kubernetes.io/version", selector.Select(label => label.Key)); // An upgrade must select the same pods.
            }
        }
    }

    [Fact]
    public async Task Ports_of_services_probes_and_monitors_are_those_of_the_containers()
    {
        foreach (var rendered in await Helm.RenderAllAsync())
        {
            foreach (var service in rendered.OfKind("Service"))
            {
                var ports = PortsOf(rendered.Workloads.Single(pod => pod.Component == service.Component));
                Assert.All(service.Json["spec"]!["ports"]!.AsArray(), port => Assert.Contains(port!["targetPort"]!.ToString(), ports));
            }

            foreach (var workload in rendered.Workloads)
            {
                var container = workload.Containers.First();
                var probed = ((string[])["startupProbe", "readinessProbe", "livenessProbe"]).Select(probe => container[probe]).OfType<JsonNode>()
                    .Select(probe => (probe["httpGet"] ?? probe["tcpSocket"])?["port"]).OfType<JsonNode>();
                Assert.All(probed, port => Assert.Contains(port.ToString(), PortsOf(workload)));
            }

            foreach (var monitor in rendered.OfKind("ServiceMonitor"))
            {
                var components = monitor.At("spec.selector.matchExpressions")![0]!["values"]!.AsArray().Select(value => value!.ToString());
                Assert.Equal(Services.Order(StringComparer.Ordinal), components.Order(StringComparer.Ordinal));
                Assert.All(components, component => Assert.Contains(rendered.The("Service", component).Json["spec"]!["ports"]!.AsArray(), port =>
                    (string)port!["name"]! == (string)monitor.At("spec.endpoints")![0]!["port"]!));
            }
        }
    }

    [Fact]
    public async Task Addresses_lead_to_services_of_the_release_and_to_ports_that_are_listened_on()
    {
        foreach (var rendered in await Helm.RenderAllAsync())
        {
            var doors = rendered.OfKind("Service").SelectMany(service => service.Json["spec"]!["ports"]!.AsArray().Select(port =>
                $"{service.Name}:{port!["port"]}")).ToHashSet(StringComparer.Ordinal);
            var texts = rendered.Workloads.SelectMany(workload => workload.Containers)
                .SelectMany(container => (container["env"] as JsonArray ?? []).Select(variable => variable!["value"]?.ToString() ?? "")
                    .Concat((container["args"] as JsonArray ?? []).Select(argument => argument!.ToString())));
            var addresses = texts.SelectMany(text => Address().Matches(text)).Select(match => match.Groups[1].Value).Where(address =>
                address.StartsWith(Helm.Release, StringComparison.Ordinal) || address.StartsWith("talk-", StringComparison.Ordinal)).ToArray();

            // Six of gRPC, the gateway's nodes; where tokens can be signed, the one of helm test.
            Assert.True(addresses.Length >= 7, $"{rendered.Name}: {string.Join(' ', addresses)}");
            Assert.All(addresses, address => Assert.Contains(address, doors));
            foreach (var service in Services)
            {
                var listened = VariablesOf(rendered, service).Where(pair => pair.Key is "Listen__Http2").Select(pair => pair.Value)
                    .Append(rendered.The("ConfigMap", "settings").Text("data.urls"))
                    .Select(url => int.Parse(url[(url.LastIndexOf(':') + 1)..])).ToList();
                if (VariablesOf(rendered, service).TryGetValue("Gateway__Tls__Port", out var tls))
                {
                    listened.Add(int.Parse(tls));
                }

                Assert.Equal(listened.Order(), rendered.The("Deployment", service).Containers.First()["ports"]!.AsArray().Select(port =>
                    (int)port!["containerPort"]!).Order());
            }
        }
    }

    [Fact]
    public async Task Probes_ask_what_the_processes_answer_and_differ()
    {
        var health = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "services/shared/hosting/Health.cs"));
        foreach (var workload in (await Helm.RenderAsync("default")).Workloads.Where(workload => Services.Contains(workload.Component)))
        {
            var container = workload.Containers.First();
            var (startup, readiness, liveness) = (container["startupProbe"]!, container["readinessProbe"]!, container["livenessProbe"]!);

            // What is behind a process is asked for by readiness only: an outage of the broker must restart nobody.
            Assert.Equal(["/health/live", "/health/ready", "/health/live"], new[] { startup, readiness, liveness }.Select(probe =>
                probe["httpGet"]!["path"]!.ToString()));
            Assert.All(["/health/live", "/health/ready"], path => Assert.Contains($"\"{path}\"", health, StringComparison.Ordinal));
            Assert.True((int)startup["periodSeconds"]! * (int)startup["failureThreshold"]! >= 60);
            Assert.True((int)liveness["periodSeconds"]! * (int)liveness["failureThreshold"]! >= 60);
            Assert.True((int)readiness["periodSeconds"]! * (int)readiness["failureThreshold"]! <= 10);
        }
    }

    [Fact]
    public async Task A_pods_grace_covers_its_preStop_its_drain_and_its_exit()
    {
        foreach (var rendered in await Helm.RenderAllAsync())
        {
            var drain = TimeSpan.Parse(rendered.The("ConfigMap", "settings").Text("data.Drain__Grace"));
            foreach (var service in Services.Select(service => rendered.The("Deployment", service)))
            {
                var sleep = (int?)service.Containers.First()["lifecycle"]?["preStop"]?["sleep"]?["seconds"] ?? 0;

                // The host itself exits at most 10 seconds after the drain (Defaults.cs).
                Assert.True((int)service.PodSpec!["terminationGracePeriodSeconds"]! >= sleep + drain.TotalSeconds + 10);
            }
        }
    }

    [Fact]
    public async Task Pods_may_nothing_that_they_do_not_need()
    {
        foreach (var rendered in await Helm.RenderAllAsync())
        {
            foreach (var workload in rendered.Workloads)
            {
                var pod = workload.PodSpec!;

                Assert.Equal(workload.Component == "secrets", (bool)pod["automountServiceAccountToken"]!);
                Assert.False((bool)pod["enableServiceLinks"]!);
                Assert.True((bool)pod["securityContext"]!["runAsNonRoot"]!);
                Assert.True((int)pod["securityContext"]!["runAsUser"]! > 0);
                Assert.Equal("RuntimeDefault", (string)pod["securityContext"]!["seccompProfile"]!["type"]!);
                Assert.All(workload.Containers.Where(container => (string)container["name"]! != "sidecar"), container =>
                {
                    Assert.True((bool)container["securityContext"]!["readOnlyRootFilesystem"]!);
                    Assert.False((bool)container["securityContext"]!["allowPrivilegeEscalation"]!);
                    Assert.Equal("""["ALL"]""", container["securityContext"]!["capabilities"]!["drop"]!.ToJsonString());
                });
            }

            Assert.All(rendered.OfKind("ServiceAccount"), account => Assert.False((bool)account.Json["automountServiceAccountToken"]!));
        }
    }

    [Fact]
    public async Task Updates_take_no_pod_away_before_another_one_serves()
    {
        foreach (var service in (await Helm.RenderAllAsync()).SelectMany(rendered => Services.Select(service => rendered.The("Deployment", service))))
        {
            Assert.Equal("""{"maxSurge":1,"maxUnavailable":0}""", service.At("spec.strategy.rollingUpdate")!.ToJsonString());
        }
    }

    [Fact]
    public async Task A_change_of_the_configuration_changes_the_pods()
    {
        var before = (await Helm.RenderAsync("default")).The("Deployment", "message");
        var after = (await Helm.RenderAsync("configuration")).The("Deployment", "message");

        Assert.NotEqual(before.Text("spec.template.metadata.annotations.checksum/config"), after.Text("spec.template.metadata.annotations.checksum/config"));
    }

    [Fact]
    public async Task Autoscaling_is_by_metrics_that_the_services_have_and_leaves_the_number_to_itself()
    {
        var metrics = File.ReadAllText(Path.Combine(Repository.Root, "docs/metrics.md"));
        var rendered = await Helm.RenderAsync("hpa-connections");
        foreach (var scaler in rendered.OfKind("HorizontalPodAutoscaler"))
        {
            Assert.All(scaler.At("spec.metrics")!.AsArray().Select(metric => metric!["pods"]?["metric"]?["name"]).OfType<JsonNode>(), name =>
                Assert.Contains($"`{name.ToString().Replace('_', '.')}`", metrics, StringComparison.Ordinal));
            Assert.Contains(scaler.At("spec.metrics")!.AsArray(), metric => (string?)metric!["resource"]?["name"] == "cpu");
            Assert.Null(rendered.The("Deployment", scaler.Component).At("spec.replicas"));
            Assert.True((int)scaler.At("spec.behavior.scaleDown.stabilizationWindowSeconds")! >= 300);
        }

        Assert.Equal(["connection", "gateway", "message", "notification"], rendered.OfKind("HorizontalPodAutoscaler").Select(scaler => scaler.Component)
            .Order(StringComparer.Ordinal));
        Assert.Equal("3", rendered.The("Deployment", "presence").Text("spec.replicas"));
    }

    [Fact]
    public async Task Patches_labels_and_more_objects_reach_what_they_are_for()
    {
        var extras = await Helm.RenderAsync("extras");
        var named = await Helm.RenderAsync("names-and-labels");

        Assert.Equal("7", extras.The("Deployment", "gateway").Text("spec.minReadySeconds"));
        Assert.Equal("", extras.The("Deployment", "message").Text("spec.minReadySeconds"));
        Assert.Equal("/tmp", extras.The("ConfigMap", "settings").Text("data.Log__Folder"));
        Assert.All(extras.OfKind("PodDisruptionBudget"), budget => Assert.Null(budget.At("spec.unhealthyPodEvictionPolicy")));
        Assert.Contains(extras.OfKind("ConfigMap"), map => map.Name == "chat-extra");
        Assert.Contains(extras.OfKind("ConfigMap"), map => map.Name == "more");
        Assert.All(named.Objects, manifest => Assert.Equal("conversations", (string?)manifest.Labels["team"]));
        Assert.All(named.Objects, manifest => Assert.Equal("conversations", (string?)manifest.Annotations["example.org/owner"]));
        Assert.All(named.Workloads, workload => Assert.Equal("conversations", (string?)workload.PodLabels["team"] ?? "conversations"));
        Assert.All(named.Objects, manifest => Assert.StartsWith("talk", manifest.Name, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Every_way_in_leads_to_the_gateway_and_lets_WebSockets_live()
    {
        var nginx = Assert.Single((await Helm.RenderAsync("ingress-nginx")).OfKind("Ingress"));
        var route = Assert.Single((await Helm.RenderAsync("http-route")).OfKind("HTTPRoute"));
        var service = (await Helm.RenderAsync("http-route")).The("Service", "gateway");

        Assert.Equal("1800", (string?)nginx.Annotations["nginx.ingress.kubernetes.io/proxy-read-timeout"]);
        Assert.Equal("letsencrypt", (string?)nginx.Annotations["cert-manager.io/cluster-issuer"]);
        Assert.Equal(service.Name, nginx.Json["spec"]!["rules"]![0]!["http"]!["paths"]![0]!["backend"]!["service"]!["name"]!.ToString());
        Assert.All(route.Json["spec"]!["rules"]!.AsArray(), rule => Assert.Equal((service.Name, 80), (rule!["backendRefs"]![0]!["name"]!.ToString(),
            (int)rule["backendRefs"]![0]!["port"]!)));
        var sockets = route.Json["spec"]!["rules"]!.AsArray().Single(rule => rule!["matches"]!.AsArray().Any(match =>
            (string)match!["path"]!["value"]! == "/ws"));
        Assert.Equal("0s", (string)sockets!["timeouts"]!["request"]!);
    }

    private static Dictionary<string, string> VariablesOf(Rendered rendered, string service) =>
        (rendered.The("Deployment", service).Containers.First()["env"] as JsonArray ?? []).ToDictionary(variable => (string)variable!["name"]!, variable =>
            (string?)variable!["value"] ?? "", StringComparer.Ordinal);

    private static HashSet<string> PortsOf(Manifest workload) =>
        [.. workload.Containers.First()["ports"]!.AsArray().Select(port => port!["name"]!.ToString())];

    private static bool IsExtra(Rendered rendered, string name) => rendered.Name == "extras" && name is "TZ" or "NODE_NAME";

    [GeneratedRegex(@"\$\(([A-Za-z0-9_]+)\)", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Part();

    [GeneratedRegex("(?:^|_)(?:Secret|SECRET|PASSWORD|Password|PASS)$", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex SecretName();

    [GeneratedRegex(@"(?://|@|dns:///)([a-z0-9-]+:\d+)", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Address();
}
