using System.Globalization;
using System.Security.Cryptography;

namespace Tertulia.Secrets;

/// <summary>A key that a secret has to have.</summary>
/// <param name="Name">Of the key.</param>
/// <param name="Bytes">Random bytes that its value is made of, 16 to 256.</param>
internal sealed record WantedKey(string Name, int Bytes)
{
    /// <returns>Null when one is not like <c>auth-secret=32</c>.</returns>
    public static IReadOnlyList<WantedKey>? TryParseAll(IEnumerable<string> arguments)
    {
        var wanted = new List<WantedKey>();
        foreach (var argument in arguments)
        {
            if (argument.Split('=') is not [{ Length: > 0 } name, var bytes]
                || !int.TryParse(bytes, NumberStyles.None, CultureInfo.InvariantCulture, out var count) || count is < 16 or > 256)
            {
                return null;
            }

            wanted.Add(new WantedKey(name, count));
        }

        return wanted;
    }

    /// <summary>Hexadecimal: it is part of addresses and connection strings, in which other characters mean something.</summary>
    public string NewValue() => RandomNumberGenerator.GetHexString(Bytes * 2, lowercase: true);
}
