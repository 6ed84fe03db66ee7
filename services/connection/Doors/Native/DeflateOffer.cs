namespace Tertulia.Connections.Doors.Native;

/// <summary>The negotiation of <c>permessage-deflate</c> (RFC 7692, 7.1).</summary>
internal static class DeflateOffer
{
    private const string Name = "permessage-deflate";

    // Neither side keeps a window between messages: a compressed frame is the same for everybody, and an idle connection holds no window.
    private const string Agreed = $"{Name}; server_no_context_takeover; client_no_context_takeover";

    /// <summary>The answer to a client's offers, in its order of preference.</summary>
    /// <param name="offers">Values of <c>Sec-WebSocket-Extensions</c>, split at commas.</param>
    /// <returns>Null when none can be taken.</returns>
    public static string? Answer(IEnumerable<string> offers) => offers.Select(Answer).FirstOrDefault(answer => answer is not null);

    private static string? Answer(string offer)
    {
        var parts = offer.Split(';', StringSplitOptions.TrimEntries);
        if (!string.Equals(parts[0], Name, StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        var answer = Agreed;
        var seen = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var parameter in parts.Skip(1))
        {
            var separator = parameter.IndexOf('=', StringComparison.Ordinal);
            var name = separator < 0 ? parameter : parameter[..separator].TrimEnd();
            var value = separator < 0 ? null : parameter[(separator + 1)..].Trim().Trim('"');
            var understood = name.ToLowerInvariant() switch
            {
                "server_no_context_takeover" or "client_no_context_takeover" => value is null,
                "client_max_window_bits" => value is null or "8" or "9" or "10" or "11" or "12" or "13" or "14" or "15",
                "server_max_window_bits" => value == "15", // The compressor has no smaller window: such an offer is declined.
                _ => false,
            };
            if (!understood || !seen.Add(name))
            {
                return null;
            }

            if (value == "15" && name.StartsWith("server", StringComparison.OrdinalIgnoreCase))
            {
                answer += "; server_max_window_bits=15";
            }
        }

        return answer;
    }
}
