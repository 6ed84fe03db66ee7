using System.Text.RegularExpressions;
using Tertulia.Testing;

namespace Tertulia.Architecture.Tests;

/// <summary>What keeps data is there on every database.</summary>
public sealed partial class StorePortTests
{
    private static readonly string[] Services = ["message", "presence", "notification"];

    // The base of a service's store, where it is a class.
    private static readonly string[] Bases = ["NotificationStore"];

    [Fact]
    public void Every_port_of_a_store_has_an_adapter_for_SQL_and_one_for_MongoDB()
    {
        string[] sources =
        [
            .. Services.SelectMany(service => Directory.EnumerateFiles(Path.Combine(Repository.Root, "services", service), "*.cs", SearchOption.AllDirectories))
                .Where(path => !path.Contains("/obj/", StringComparison.Ordinal)),
        ];
        var ports = sources.Where(IsPort).SelectMany(path => Interfaces().Matches(File.ReadAllText(path)).Select(match => match.Groups[1].Value))
            .Concat(Bases).Order(StringComparer.Ordinal).ToArray();
        var adapters = sources.SelectMany(path => Classes().Matches(File.ReadAllText(path))).Where(match => match.Groups[2].Success)
            .Select(match => (Name: match.Groups[1].Value, Ports: match.Groups[2].Value)).ToArray();

        Assert.Contains("IMessageStore", ports);
        Assert.Contains("ISearchIndex", ports);
        Assert.Contains("IInboxRows", ports);
        Assert.Contains("IPresenceStore", ports);
        Assert.Empty(
            from port in ports
            from database in (string[])["Mongo", "Sql"]
            where !adapters.Any(adapter => adapter.Name.StartsWith(database, StringComparison.Ordinal) && Regex.IsMatch(adapter.Ports, $@"\b{port}\b"))
            select $"{port}: no {database} adapter");
    }

    private static bool IsPort(string path)
    {
        var folder = Path.GetFileName(Path.GetDirectoryName(path));
        return folder is "Storage" or "Searching" && Path.GetFileName(path).StartsWith('I');
    }

    [GeneratedRegex(@"^(?:internal|public) interface (I[A-Z]\w+)", RegexOptions.Multiline)]
    private static partial Regex Interfaces();

    [GeneratedRegex(@"^(?:internal|public) (?:abstract |sealed |partial )*class (\w+)(?:<[^>]*>)?(?:\([^)]*\))?\s*:\s*([^{]*?)\s*\{", RegexOptions.Multiline)]
    private static partial Regex Classes();
}
