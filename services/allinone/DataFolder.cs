using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Tertulia.Hosting;

namespace Tertulia.AllInOne;

/// <summary>The one folder of the all-in-one host: the database, and the socket through which its services call each other.</summary>
internal sealed class DataFolder : IDisposable
{
    // sun_path holds 108 bytes with its terminator (unix(7)).
    private const int MaxSocketPathBytes = 107;

    private readonly FileStream _lock;

    /// <param name="path">Made when it is missing.</param>
    /// <exception cref="StartupException">Another process has it, or it cannot be written.</exception>
    public DataFolder(string path)
    {
        try
        {
            FullPath = Directory.CreateDirectory(path).FullName;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new StartupException($"The data folder {path} cannot be made: {exception.Message}", exception);
        }

        // Kept by the kernel as long as the process lives, however it ends: two of them would be two writers of every room.
        _lock = Lock();
        File.WriteAllText(PidFile, Environment.ProcessId.ToString(CultureInfo.InvariantCulture)); // The lock itself cannot be read by others.
    }

    /// <summary>The folder, absolute.</summary>
    public string FullPath { get; }

    /// <summary>The database.</summary>
    public string Database => Path.Combine(FullPath, "tertulia.db");

    /// <summary>In the folder, or in the temporary one under a name of its own when the folder's path is too long for a socket.</summary>
    public string Socket
    {
        get
        {
            var path = Path.Combine(FullPath, "grpc.sock");
            if (Encoding.UTF8.GetByteCount(path) <= MaxSocketPathBytes)
            {
                return path;
            }

            var name = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(FullPath)))[..16];
            return Path.Combine(Path.GetTempPath(), $"tertulia-{name}.sock");
        }
    }

    private string PidFile => Path.Combine(FullPath, "pid");

    /// <inheritdoc />
    public void Dispose() => _lock.Dispose();

    private FileStream Lock()
    {
        try
        {
            return new FileStream(Path.Combine(FullPath, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new StartupException($"The data folder {FullPath} cannot be written: {exception.Message}", exception);
        }
        catch (IOException exception)
        {
            var pid = File.Exists(PidFile) ? $" (pid {File.ReadAllText(PidFile)})" : "";
            throw new StartupException($"The data folder {FullPath} is used by another process{pid}: stop it, or choose another folder with --data.", exception);
        }
    }
}
