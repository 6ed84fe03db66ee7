using System.Text.RegularExpressions;
using Tertulia.Testing;

namespace Tertulia.Architecture.Tests;

/// <summary><c>docs/configuration.md</c> says what the options classes say.</summary>
/// <remarks><c>TERTULIA_ACCEPT_CONFIGURATION=1 ./dev test architecture</c> writes it again from their doc comments. What stands above the mark is
/// written by hand and kept.</remarks>
public sealed partial class ConfigurationTests
{
    private const string Accept = "TERTULIA_ACCEPT_CONFIGURATION";
    private const string Mark = "<!-- From here on generated";

    private static readonly string Recorded = Path.Combine(Repository.Root, "docs/configuration.md");

    [Fact]
    public void The_options_classes_are_found()
    {
        var keys = OptionsSource.Sections.SelectMany(section => section.Keys).Select(key => key.Name).ToArray();

        Assert.All(["Bus__RabbitMq__Uri", "Drain__Grace", "Gateway__Tls__Port", "Sockets__TrustedProxies__0", "Store__Kind"], key => Assert.Contains(key, keys));
        Assert.Equal(keys.Length, keys.Distinct(StringComparer.Ordinal).Count());
    }

    [Fact]
    public void Every_key_says_what_it_means_and_which_values_it_takes() =>
        Assert.DoesNotContain(OptionsSource.Sections.SelectMany(section => section.Keys), key => key.Meaning.Length == 0 || key.Value.Length == 0);

    [Fact]
    public void The_document_is_what_the_comments_say()
    {
        var before = File.ReadAllText(Recorded);
        var now = before[..before.IndexOf(Mark, StringComparison.Ordinal)] + Generated();
        if (Environment.GetEnvironmentVariable(Accept) == "1")
        {
            File.WriteAllText(Recorded, now);
            return;
        }

        Assert.True(now == before, $"docs/configuration.md is stale: {Accept}=1 ./dev test architecture writes it again");
    }

    [Fact]
    public void The_schema_of_the_chart_has_the_keys()
    {
        var schema = Path.Combine(Repository.Root, "deploy/helm/tertulia/values.schema.json");
        var before = File.ReadAllText(schema);
        var now = SchemaPattern().Replace(before, match => match.Groups[1].Value + OptionsSource.KeyPattern + match.Groups[2].Value);
        if (Environment.GetEnvironmentVariable(Accept) == "1")
        {
            File.WriteAllText(schema, now);
            return;
        }

        Assert.True(now == before, $"deploy/helm/tertulia/values.schema.json lacks keys: {Accept}=1 ./dev test architecture writes it again");
    }

    private static string Generated() =>
        $"{Mark} from the options classes: {Accept}=1 ./dev test architecture -->\n" + string.Concat(OptionsSource.Sections.Select(Table));

    private static string Table(OptionsSection section) =>
        $"""

        ## {section.Section}

        {section.Meaning} Read by: {ReadBy(section.File)}.

        | key | values | meaning |
        |---|---|---|
        {string.Join('\n', section.Keys.Select(key => $"| `{key.Name}` | {key.Value} | {key.Meaning} |"))}

        """.ReplaceLineEndings("\n");

    private static string ReadBy(string file) => file.Split('/') switch
    {
        ["gateway", ..] => "gateway",
        ["services", "shared", "bus", ..] => "connection, message, notification, presence",
        ["services", "shared", "hosting", "LimitOptions.cs"] => "connection, message",
        ["services", "shared", "sql", ..] => "message, notification, presence",
        ["services", "shared", ..] => "every process",
        ["services", var service, ..] => service,
        _ => throw new NotSupportedException($"{file} belongs to no process"),
    };

    // Keys hold no character that JSON escapes.
    [GeneratedRegex("(\"propertyNames\": \\{\\s*\"pattern\": \")[^\"]*(\")", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex SchemaPattern();
}
