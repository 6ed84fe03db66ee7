using System.Text.RegularExpressions;
using Tertulia.Architecture.Tests;

namespace Tertulia.Chart.Tests;

/// <summary>What each service reads of its environment, and what it cannot start without.</summary>
internal static class ServiceKeys
{
    /// <summary>Of the image, by the component that runs them.</summary>
    public static readonly Dictionary<string, (string Program, string Folder)> Programs = new(StringComparer.Ordinal)
    {
        ["gateway"] = ("Tertulia.Gateway", "gateway"),
        ["connection"] = ("Tertulia.Connections", "services/connection"),
        ["message"] = ("Tertulia.Messages", "services/message"),
        ["presence"] = ("Tertulia.Presence", "services/presence"),
        ["notification"] = ("Tertulia.Notifications", "services/notification"),
        ["secrets"] = ("Tertulia.Secrets", "tools/secrets"),
        ["verify"] = ("Tertulia.Verify", "tools/verify"),
    };

    /// <summary>The processes of the product.</summary>
    public static readonly string[] Services = ["gateway", "connection", "message", "presence", "notification"];

    /// <summary>A regular expression of a service's keys: the options classes of its own folder and of what it shares, and the keys that
    /// docs/configuration.md has
    /// by hand.</summary>
    public static Regex Of(string service)
    {
        var folder = Programs[service].Folder;
        var sections = OptionsSource.Sections.Where(section => section.File.StartsWith(folder + "/", StringComparison.Ordinal)
            || section.File.StartsWith("services/shared/hosting/", StringComparison.Ordinal)
            || (section.File.StartsWith("services/shared/bus/", StringComparison.Ordinal) && service != "gateway")
            || (section.Section.StartsWith("Store", StringComparison.Ordinal) && HasStore(service)));
        var keys = sections.SelectMany(section => section.Keys).Select(key => key.Name.EndsWith("__0", StringComparison.Ordinal)
            ? key.Name[..^1] + "[0-9]+(__.+)?" : key.Name);
        string[] byHand = ["urls", "Listen__Http2", "ASPNETCORE_ENVIRONMENT", "OTEL_[A-Z_]+", "Logging__LogLevel__.+", .. CalledBy(service).Select(called =>
            $"Services__{called}")];
        return new Regex($"^({string.Join('|', keys.Concat(byHand))})$", RegexOptions.None, TimeSpan.FromSeconds(1));
    }

    /// <summary>Keys without which a service does not start, or not as a part of a cluster.</summary>
    public static IEnumerable<string> NeededBy(string service) =>
    [
        "urls", "Internal__Secret", "Drain__Grace",
        .. service == "gateway" ? ["Gateway__Nodes", "Gateway__ResolveEvery"] : (string[])["Listen__Http2", "Bus__RabbitMq__Uri"],
        .. HasStore(service) ? (string[])["Store__Kind", "Store__ConnectionString"] : [],
        .. CalledBy(service).Select(called => $"Services__{called}"),
    ];

    /// <summary>Whether it keeps data.</summary>
    public static bool HasStore(string service) => service is "message" or "presence" or "notification";

    /// <summary>Whom it calls, as its <c>AddServiceClient</c> says.</summary>
    public static IReadOnlyList<string> CalledBy(string service)
    {
        var root = Path.Combine(Tertulia.Testing.Repository.Root, Programs[service].Folder);
        return
        [
            .. Directory.EnumerateFiles(root, "*Setup.cs", SearchOption.AllDirectories)
                .SelectMany(file => Regex.Matches(File.ReadAllText(file), "AddServiceClient<[^>]+>\\(\"([a-z]+)\"\\)", RegexOptions.None,
                    TimeSpan.FromSeconds(1)))
                .Select(match => match.Groups[1].Value).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal),
        ];
    }
}
