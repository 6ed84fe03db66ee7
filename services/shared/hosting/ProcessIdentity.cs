using System.Security.Cryptography;

namespace Tertulia.Hosting;

/// <summary>Who this process is among its peers.</summary>
/// <param name="service">Short name of the process, such as <c>connection</c>.</param>
public sealed class ProcessIdentity(string service)
{
    /// <summary>Short name of the process, such as <c>connection</c>.</summary>
    public string Service { get; } = service;

    /// <summary>Unique for every start: the name and 8 hexadecimal digits. Node id, replica id and gateway id.</summary>
    public string Id { get; } = $"{service}-{RandomNumberGenerator.GetHexString(8, lowercase: true)}";
}
