using System.Globalization;
using System.Text.Json.Nodes;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Tertulia.Chart.Tests;

/// <summary>One object as the chart rendered it.</summary>
/// <param name="Json">All of it.</param>
internal sealed record Manifest(JsonNode Json)
{
    public string Kind => Text("kind");

    public string Name => Text("metadata.name");

    /// <summary>The component that it belongs to.</summary>
    public string Component => (string?)Labels["app.kubernetes.io/component"] ?? "";

    public JsonObject Labels => Json["metadata"]?["labels"] as JsonObject ?? [];

    public JsonObject Annotations => Json["metadata"]?["annotations"] as JsonObject ?? [];

    /// <summary>The pod that it makes or is; null when it makes none.</summary>
    public JsonNode? PodSpec => Kind == "Pod" ? Json["spec"] : Json["spec"]?["template"]?["spec"];

    /// <summary>Labels of the pods that it makes or is.</summary>
    public JsonObject PodLabels => Kind == "Pod" ? Labels : Json["spec"]?["template"]?["metadata"]?["labels"] as JsonObject ?? [];

    public IEnumerable<JsonNode> Containers => (PodSpec?["containers"] as JsonArray ?? []).OfType<JsonNode>();

    /// <summary>A field, by its path with dots between names; empty when it is not there.</summary>
    public string Text(string path) => At(path)?.ToString() ?? "";

    public JsonNode? At(string path) => path.Split('.').Aggregate((JsonNode?)Json, (node, name) => node?[name]);

    public override string ToString() => $"{Kind} {Name}";

    /// <summary>All objects of a text.</summary>
    public static IReadOnlyList<Manifest> ParseAll(string yaml) => [.. Documents(yaml).OfType<JsonObject>().Select(json => new Manifest(json))];

    /// <summary>One document.</summary>
    public static JsonNode? Parse(string yaml) => Documents(yaml).SingleOrDefault();

    private static IEnumerable<JsonNode?> Documents(string yaml)
    {
        var stream = new YamlStream();
        stream.Load(new StringReader(yaml));
        // Through its text: a parsed number is any kind of number that is asked for.
        return stream.Documents.Select(document => JsonNode.Parse(Convert(document.RootNode)?.ToJsonString() ?? "null"));
    }

    private static JsonNode? Convert(YamlNode node) => node switch
    {
        YamlMappingNode map => Map(map),
        YamlSequenceNode list => new JsonArray([.. list.Children.Select(Convert)]),
        YamlScalarNode { Style: ScalarStyle.Plain } plain => Plain(plain.Value),
        YamlScalarNode scalar => JsonValue.Create(scalar.Value),
        _ => throw new NotSupportedException($"{node.NodeType}"),
    };

    /// <summary>With what <c>&lt;&lt;</c> lays under it, as compose files do.</summary>
    private static JsonObject Map(YamlMappingNode map)
    {
        var result = new JsonObject();
        foreach (var (key, value) in map.Children.OrderBy(pair => ((YamlScalarNode)pair.Key).Value != "<<"))
        {
            if (((YamlScalarNode)key).Value is { } name && name != "<<")
            {
                result[name] = Convert(value);
                continue;
            }

            foreach (var (inherited, content) in (value is YamlSequenceNode several ? several.Children : [value]).SelectMany(part =>
                Map((YamlMappingNode)part)))
            {
                result[inherited] = content?.DeepClone();
            }
        }

        return result;
    }

    private static JsonNode? Plain(string? text) => text switch
    {
        null or "" or "null" or "~" => null,
        "true" => JsonValue.Create(true),
        "false" => JsonValue.Create(false),
        _ when long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) => JsonValue.Create(number),
        _ when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && text[0] != '.' => JsonValue.Create(number),
        _ => JsonValue.Create(text),
    };
}
