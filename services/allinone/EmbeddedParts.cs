using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Configuration.Memory;

namespace Tertulia.AllInOne;

/// <summary>Defaults that let the services find each other, a bus and a store in one process. Anything configured goes before them.</summary>
internal static class EmbeddedParts
{
    // sun_path holds 108 bytes with its terminator (unix(7)).
    private const int MaxSocketPathBytes = 107;

    /// <summary>The in-process bus, a SQLite file in the data folder (<c>--data</c>, default <c>data</c>), and gRPC through a Unix socket there.</summary>
    public static void AddEmbeddedParts(this ConfigurationManager configuration)
    {
        var folder = Directory.CreateDirectory(configuration["data"] ?? "data").FullName;
        var socket = $"unix:{SocketIn(folder)}";
        configuration.Sources.Insert(0, new MemoryConfigurationSource
        {
            InitialData = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase)
            {
                ["Bus:Kind"] = "InProcess",
                ["Store:Kind"] = "Sqlite",
                ["Store:Path"] = Path.Combine(folder, "tertulia.db"),
                ["Listen:Http2"] = socket,
                ["Services:message"] = socket,
                ["Services:presence"] = socket,
            },
        });
    }

    private static string SocketIn(string folder)
    {
        var path = Path.Combine(folder, "grpc.sock");
        if (Encoding.UTF8.GetByteCount(path) <= MaxSocketPathBytes)
        {
            return path;
        }

        var name = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(folder)))[..16];
        return Path.Combine(Path.GetTempPath(), $"tertulia-{name}.sock");
    }
}
