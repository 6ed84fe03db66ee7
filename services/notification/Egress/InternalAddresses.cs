using System.Net;
using System.Net.Sockets;

namespace Tertulia.Notifications.Egress;

/// <summary>Which addresses are not of the public Internet: loopback, private, link-local, metadata services, and what wraps one of them.</summary>
internal static class InternalAddresses
{
    // The IANA registries of special-purpose addresses, plus the two metadata services that sit in public ranges.
    private static readonly IPNetwork[] V4 = Parse(
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24",
        "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32"); // The host of Azure's machines.

    // Of IPv6 only 2000::/3 is assigned; Teredo and 6to4 are refused whole, because they carry an IPv4 address of anybody's choice.
    private static readonly IPNetwork GlobalV6 = IPNetwork.Parse("2000::/3");
    private static readonly IPNetwork[] V6 = Parse("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20");
    private static readonly IPNetwork Nat64 = IPNetwork.Parse("64:ff9b::/96");

    /// <summary>Whether an address must not be reached unless it is allowed.</summary>
    public static bool Contain(IPAddress address)
    {
        if (address.AddressFamily == AddressFamily.InterNetwork)
        {
            return Array.Exists(V4, network => network.Contains(address));
        }

        if (address.AddressFamily != AddressFamily.InterNetworkV6)
        {
            return true;
        }

        if (Embedded(address) is { } embedded)
        {
            return Contain(embedded);
        }

        return address.ScopeId != 0 || !GlobalV6.Contains(address) || Array.Exists(V6, network => network.Contains(address));
    }

    /// <summary>The IPv4 address that an IPv6 address stands for: mapped, or behind NAT64.</summary>
    public static IPAddress? Embedded(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
        {
            return address.MapToIPv4();
        }

        if (address.AddressFamily != AddressFamily.InterNetworkV6 || !Nat64.Contains(address))
        {
            return null;
        }

        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        return new IPAddress(bytes[12..]);
    }

    private static IPNetwork[] Parse(params string[] networks) => Array.ConvertAll(networks, IPNetwork.Parse);
}
