using System.Xml.Linq;
using Tertulia.Testing;

namespace Tertulia.Architecture.Tests;

/// <summary>One project file, read as text: what it says, without a build.</summary>
/// <param name="Path">From the root, with slashes: <c>services/message/Tertulia.Messages.csproj</c>.</param>
/// <param name="References">Paths of the projects whose code it compiles against.</param>
/// <param name="Packages">Ids of the packages it names.</param>
internal sealed record Project(string Path, IReadOnlyList<string> References, IReadOnlyList<string> Packages)
{
    public string Folder => Path[..Path.LastIndexOf('/')];
}

/// <summary>The projects of the repository.</summary>
internal static class Projects
{
    private static readonly string[] Roots = ["bench", "clients", "contracts", "gateway", "services", "tests", "tools"];

    public static IReadOnlyList<Project> All { get; } =
    [
        .. Roots.Select(root => System.IO.Path.Combine(Repository.Root, root)).Where(Directory.Exists)
            .SelectMany(root => Directory.EnumerateFiles(root, "*.csproj", SearchOption.AllDirectories))
            .Order(StringComparer.Ordinal).Select(Read),
    ];

    public static IEnumerable<Project> Under(params string[] folders) =>
        All.Where(project => folders.Any(folder => $"{project.Folder}/".StartsWith($"{folder}/", StringComparison.Ordinal)));

    private static Project Read(string file)
    {
        var document = XDocument.Load(file);
        var folder = System.IO.Path.GetDirectoryName(file)!;
        var references = document.Descendants("ProjectReference")
            .Where(reference => (string?)reference.Attribute("ReferenceOutputAssembly") != "false")
            .SelectMany(reference => ((string)reference.Attribute("Include")!).Split(';'))
            .Select(path => Relative(System.IO.Path.GetFullPath(path, folder)));
        var packages = document.Descendants("PackageReference").SelectMany(package => ((string?)package.Attribute("Include") ?? "").Split(';'));
        return new Project(Relative(file), [.. references], [.. packages.Where(id => id.Length > 0)]);
    }

    private static string Relative(string path) => System.IO.Path.GetRelativePath(Repository.Root, path).Replace('\\', '/');
}
