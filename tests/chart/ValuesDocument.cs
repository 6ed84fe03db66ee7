using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Tertulia.Architecture.Tests;

namespace Tertulia.Chart.Tests;

/// <summary>One value of the chart, with the comment above it.</summary>
/// <param name="Path">With dots: <c>image.tag</c>.</param>
/// <param name="Text">Of the comment.</param>
/// <param name="Notes">Its lines with @, by their first word.</param>
/// <param name="Default">What it is when nobody says anything.</param>
/// <param name="Children">Values below it; none where its content is free.</param>
internal sealed record ChartValue(
    string Path, string Text, IReadOnlyDictionary<string, string> Notes, JsonNode? Default, List<ChartValue> Children)
{
    public string Name => Path[(Path.LastIndexOf('.') + 1)..];

    public IEnumerable<ChartValue> Leaves => Children.Count == 0 ? [this] : Children.SelectMany(child => child.Leaves);

    public bool IsFree => Notes.ContainsKey("map") || Notes.ContainsKey("object");
}

/// <summary><c>values.yaml</c> read with its comments, and what is made of it: the schema, and the table of the chart's README.</summary>
/// <remarks>A comment is the documentation of the key below it. Its lines with @ say what the schema must know and the default does not tell:
/// <c>@enum a, b</c>,
/// <c>@min</c>, <c>@max</c>, <c>@pattern</c>, <c>@map string</c> (keys are free), <c>@object Kind</c> (content is free), <c>@items string</c>,
/// <c>@like defaults</c>.
/// <c>@section</c> begins a part of the table.</remarks>
internal sealed partial class ValuesDocument
{
    private static readonly JsonSerializerOptions Readable = new() { WriteIndented = true,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly List<(string Section, ChartValue Value)> _values = [];
    private readonly JsonObject _moved;

    public ValuesDocument(string values, string moved)
    {
        Read(values, (JsonObject)Manifest.Parse(values)!);
        _moved = (JsonObject)Manifest.Parse(moved)!;
    }

    public IEnumerable<ChartValue> Leaves => _values.SelectMany(value => value.Value.Leaves);

    public string Schema()
    {
        var schema = new JsonObject
        {
            ["$schema"] = "http://json-schema.org/draft-07/schema#",
            ["title"] = "Values of the chart tertulia",
            ["definitions"] = new JsonObject { ["configuration"] = Configuration() },
            ["type"] = "object",
            ["additionalProperties"] = false,
            ["properties"] = Properties(_values.Select(value => value.Value)),
        };
        var properties = schema["properties"]!.AsObject();
        foreach (var (name, hint) in _moved)
        {
            properties[name] = new JsonObject { ["description"] = $"Not taken. Use: {hint}" }; // Any value: the chart refuses it with this sentence.
        }

        properties["global"] = new JsonObject { ["description"] = "Of the chart that this one is a part of; nothing here reads it.", ["type"] = "object" };
        return schema.ToJsonString(Readable) + "\n";
    }

    public string Table()
    {
        var text = new StringBuilder();
        foreach (var section in _values.GroupBy(value => value.Section))
        {
            text.Append($"\n### {section.Key}\n");
            foreach (var (_, value) in section.Where(value => value.Value.Notes.ContainsKey("like")))
            {
                text.Append($"\n`{value.Path}`: {value.Text} Takes what `{value.Notes["like"]}` has{(value.Children.Count > 0 ? ", and" : ".")}\n");
            }

            var leaves = section.SelectMany(value => value.Value.Notes.ContainsKey("like") && value.Value.Children.Count == 0 ? [] : value.Value.Leaves)
                .ToArray();
            if (leaves.Length > 0)
            {
                text.Append("\n| value | default | meaning |\n|---|---|---|\n");
                Array.ForEach(leaves, leaf => text.Append($"| `{leaf.Path}` | {Shown(leaf.Default)} | {Escaped(leaf.Text)}{Choices(leaf)} |\n"));
            }
        }

        return text.ToString();
    }

    private static string Shown(JsonNode? value) => value switch
    {
        null => "",
        JsonArray { Count: 0 } or JsonObject { Count: 0 } => "",
        JsonValue text when text.GetValueKind() == JsonValueKind.String => text.ToString() is { Length: > 0 } said ? $"`{said}`" : "",
        _ => $"`{Escaped(value.ToJsonString(new JsonSerializerOptions { Encoder = Readable.Encoder }))}`",
    };

    private static string Choices(ChartValue value) => value.Notes.TryGetValue("enum", out var choices) && !value.Text.Contains('`', StringComparison.Ordinal)
        ? $" One of {string.Join(", ", Words(choices).Select(choice => $"`{choice}`"))}." : "";

    private static string Escaped(string text) => text.Replace("|", "\\|", StringComparison.Ordinal);

    private static string[] Words(string list) => list.Split(',', StringSplitOptions.TrimEntries);

    private JsonObject Properties(IEnumerable<ChartValue> values) => new(values.Select(value => KeyValuePair.Create(value.Name, (JsonNode?)Property(value))));

    private JsonObject Property(ChartValue value)
    {
        var schema = new JsonObject();
        if (value.Text.Length > 0)
        {
            schema["description"] = value.Text;
        }

        if (value.Notes.TryGetValue("map", out var content))
        {
            return Merge(schema, content == "configuration"
                ? new JsonObject { ["$ref"] = "#/definitions/configuration" }
                : new JsonObject { ["type"] = "object", ["additionalProperties"] = new JsonObject { ["type"] = content } });
        }

        if (value.Notes.ContainsKey("object"))
        {
            return Merge(schema, new JsonObject { ["type"] = "object" });
        }

        if (value.Notes.TryGetValue("items", out var items))
        {
            return Merge(schema, new JsonObject { ["type"] = "array", ["items"] = Item(items) });
        }

        var likes = value.Notes.TryGetValue("like", out var like) ? _values.Single(other => other.Value.Path == like).Value.Children : [];
        if (value.Children.Count > 0 || likes.Count > 0)
        {
            // What the component itself says comes over what all have.
            var own = value.Children.Select(child => child.Name).ToHashSet(StringComparer.Ordinal);
            var properties = Properties(likes.Where(child => !own.Contains(child.Name)).Concat(value.Children.Select(child => Inherited(child, likes))));
            return Merge(schema, new JsonObject { ["type"] = "object", ["additionalProperties"] = false, ["properties"] = properties });
        }

        schema["type"] = value.Default?.GetValueKind() switch
        {
            JsonValueKind.True or JsonValueKind.False => "boolean",
            JsonValueKind.Number => "integer",
            JsonValueKind.String => "string",
            var kind => throw new NotSupportedException($"{value.Path}: a default of kind {kind} needs a line with @"),
        };
        Constrain(schema, value.Notes);
        return schema;
    }

    /// <summary>A value that a component has in another form than all: with what is said of it there.</summary>
    private static ChartValue Inherited(ChartValue value, IEnumerable<ChartValue> likes) =>
        likes.FirstOrDefault(like => like.Name == value.Name) is { } like ? value with { Notes = like.Notes, Children = like.Children } : value;

    private static void Constrain(JsonObject schema, IReadOnlyDictionary<string, string> notes)
    {
        if (notes.TryGetValue("enum", out var choices))
        {
            schema["enum"] = new JsonArray([.. Words(choices).Select(choice => (JsonNode)choice)]);
        }

        if (notes.TryGetValue("pattern", out var pattern))
        {
            schema["pattern"] = pattern;
        }

        if (notes.TryGetValue("min", out var min))
        {
            schema["minimum"] = int.Parse(min);
        }

        if (notes.TryGetValue("max", out var max))
        {
            schema["maximum"] = int.Parse(max);
        }
    }

    private static JsonObject Item(string kind) => kind switch
    {
        "any" => new JsonObject { ["type"] = new JsonArray("object", "string") },
        "patch" => new JsonObject
        {
            ["type"] = "object",
            ["additionalProperties"] = false,
            ["required"] = new JsonArray("kind", "patch"),
            ["properties"] = new JsonObject
            {
                ["kind"] = new JsonObject { ["type"] = "string" }, ["name"] = new JsonObject { ["type"] = "string" },
                    ["patch"] = new JsonObject { ["type"] = "object" },
            },
        },
        _ => new JsonObject { ["type"] = kind },
    };

    private static JsonObject Configuration() => new()
    {
        ["type"] = "object",
        ["propertyNames"] = new JsonObject { ["pattern"] = OptionsSource.KeyPattern },
        ["additionalProperties"] = new JsonObject { ["type"] = new JsonArray("string", "number", "boolean") },
    };

    private static JsonObject Merge(JsonObject one, JsonObject other)
    {
        foreach (var (name, value) in other)
        {
            one[name] = value?.DeepClone();
        }

        return one;
    }

    private void Read(string text, JsonObject defaults)
    {
        var (section, comment) = ("", new List<string>());
        var open = new Stack<(int Indent, ChartValue Value)>();
        foreach (var line in text.Split('\n'))
        {
            if (Comment().Match(line) is { Success: true } match)
            {
                var said = match.Groups[1].Value;
                if (said.StartsWith("@section ", StringComparison.Ordinal))
                {
                    (section, said) = (said["@section ".Length..], "");
                    comment.Clear();
                }

                comment.Add(said);
                continue;
            }

            if (Key().Match(line) is not { Success: true } key)
            {
                comment.Clear(); // An empty line: what stood above was about nothing below.
                continue;
            }

            var indent = key.Groups[1].Length;
            while (open.TryPeek(out var last) && last.Indent >= indent)
            {
                open.Pop();
            }

            if (open.TryPeek(out var parent) && parent.Value.IsFree)
            {
                continue; // Its content is an example, not a value with documentation of its own.
            }

            var path = open.Count == 0 ? key.Groups[2].Value : $"{parent.Value.Path}.{key.Groups[2].Value}";
            var value = new ChartValue(path, Said(comment), Notes(comment), path.Split('.').Aggregate((JsonNode?)defaults, (node, name) => node![name]), []);
            comment.Clear();
            if (open.Count == 0)
            {
                _values.Add((section, value));
            }
            else
            {
                parent.Value.Children.Add(value);
            }

            open.Push((indent, value));
        }
    }

    private static string Said(IEnumerable<string> comment) => string.Join(' ', comment.Where(line => line.Length > 0 && line[0] != '@'));

    private static Dictionary<string, string> Notes(IEnumerable<string> comment) => comment.Where(line => line.StartsWith('@'))
        .Select(line => line[1..].Split(' ', 2)).ToDictionary(parts => parts[0], parts => parts.Length > 1 ? parts[1] : "", StringComparer.Ordinal);

    [GeneratedRegex("^ *# ?(.*)$", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Comment();

    [GeneratedRegex("^( *)([A-Za-z0-9_]+):", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Key();
}
