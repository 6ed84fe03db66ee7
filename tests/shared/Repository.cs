namespace Tertulia.Testing;

/// <summary>Where the built programs are.</summary>
public static class Repository
{
    /// <summary>The folder that holds <c>Directory.Packages.props</c>, found upwards from the running program.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>As the running program was built: <c>Debug</c> or <c>Release</c>.</summary>
    public static string Configuration { get; } =
        AppContext.BaseDirectory.Contains("/Release/", StringComparison.Ordinal) ? "Release" : "Debug";

    /// <summary>Copies of the programs whose code is compiled already (<c>tests/precompile.sh</c>), from <c>TERTULIA_PROGRAMS</c>; null when there are none.</summary>
    private static readonly string? Precompiled = Environment.GetEnvironmentVariable("TERTULIA_PROGRAMS");

    /// <summary>A built program, from the precompiled ones where it is one of them.</summary>
    /// <param name="project">Folder of the project, from the root: <c>services/message</c>.</param>
    /// <param name="assembly">Its assembly name: <c>Tertulia.Messages</c>.</param>
    /// <param name="root">Another checkout, built in the same configuration, or <see cref="Root"/> for what users run; null for this one.</param>
    /// <exception cref="FileNotFoundException">It has not been built in this configuration.</exception>
    public static string Program(string project, string assembly, string? root = null)
    {
        string PathBelow(string folder) => Path.Combine(folder, project, "bin", Configuration, "net10.0", assembly + ".dll");
        if (root is null && Precompiled is not null && File.Exists(PathBelow(Precompiled)))
        {
            return PathBelow(Precompiled);
        }

        var path = PathBelow(root ?? Root);
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
