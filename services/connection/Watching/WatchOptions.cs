using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Tertulia.Connections.Watching;

/// <summary>Whose presence clients may watch (<c>presence_watch</c>), and how many users.</summary>
public sealed class WatchOptions
{
    internal const string Section = "Connections:Watching";

    /// <summary>Users that one connection may watch at the same time. Then <c>limit_exceeded</c>.</summary>
    /// <value>1 to 500; default 500.</value>
    [Range(1, WatchList.MaxUsersInFrame)]
    public int UsersPerConnection { get; set; } = WatchList.MaxUsersInFrame;

    /// <summary>Memory for what all connections of the node watch. Then <c>overloaded</c>.</summary>
    /// <value>Bytes, 64 KiB to 16 GiB; default 64 MiB: about 250,000 watched users.</value>
    [Range(64L * 1024, 16L * 1024 * 1024 * 1024)]
    public long Bytes { get; set; } = 64 * 1024 * 1024;
}

[OptionsValidator]
internal sealed partial class WatchOptionsValidator : IValidateOptions<WatchOptions>;
