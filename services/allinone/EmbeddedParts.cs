using Microsoft.Extensions.Configuration.Memory;

namespace Tertulia.AllInOne;

/// <summary>Defaults that let the services find each other, a bus and a store in one process. Anything configured goes before them.</summary>
internal static class EmbeddedParts
{
    /// <summary>The in-process bus, a SQLite file in the data folder (<c>--data</c>, default <c>data</c>), and gRPC through a Unix socket there.</summary>
    /// <exception cref="IOException">Another process has the folder.</exception>
    public static void AddEmbeddedParts(this WebApplicationBuilder builder)
    {
        var folder = new DataFolder(builder.Configuration["data"] ?? "data");
        builder.Services.AddSingleton(folder); // Keeps it, and its lock, as long as the host.
        builder.Configuration.Sources.Insert(0, new MemoryConfigurationSource { InitialData = Defaults(folder) });
    }

    /// <summary>Below everything that files, the environment and the command line say.</summary>
    internal static Dictionary<string, string?> Defaults(DataFolder folder) => new(StringComparer.OrdinalIgnoreCase)
    {
        ["Bus:Kind"] = "InProcess",
        ["Store:Kind"] = "Sqlite",
        ["Store:Path"] = folder.Database,
        ["Listen:Http2"] = $"unix:{folder.Socket}",
        ["Services:message"] = $"unix:{folder.Socket}",
        ["Services:presence"] = $"unix:{folder.Socket}",
        ["Services:notification"] = $"unix:{folder.Socket}",
        ["Presence:SettleQuiet"] = "00:00:00", // The only node starts with it: there is no other node to wait for.
    };
}
