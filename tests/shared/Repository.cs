namespace Tertulia.Testing;

/// <summary>Where the built programs are.</summary>
public static class Repository
{
    /// <summary>The folder that holds <c>Directory.Packages.props</c>, found upwards from the running program.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>As the running program was built: <c>Debug</c> or <c>Release</c>.</summary>
    public static string Configuration { get; } =
        AppContext.BaseDirectory.Contains("/Release/", StringComparison.Ordinal) ? "Release" : "Debug";

    /// <summary>A built program.</summary>
    /// <param name="project">Folder of the project, from the root: <c>services/message</c>.</param>
    /// <param name="assembly">Its assembly name: <c>Tertulia.Messages</c>.</param>
    /// <param name="root">Another checkout, built in the same configuration; null for this one.</param>
    /// <exception cref="FileNotFoundException">It has not been built in this configuration.</exception>
    public static string Program(string project, string assembly, string? root = null)
    {
        var path = Path.Combine(root ?? Root, project, "bin", Configuration, "net10.0", assembly + ".dll");
        return File.Exists(path)
            ? path
            : throw new FileNotFoundException($"{path} is not there: build it with dotnet build {project} -c {Configuration}", path);
    }

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Directory.Packages.props")))
            {
                return folder.FullName;
            }
        }

        throw new DirectoryNotFoundException($"{AppContext.BaseDirectory} is not below the repository");
    }
}
