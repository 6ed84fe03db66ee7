namespace Tertulia.WebSocket.Tests;

/// <summary>Section 13: what is agreed of <c>permessage-deflate</c> (RFC 7692, 7.1) for each offer.</summary>
[Collection(ServersCollection.Name)]
public sealed class NegotiationTests(Servers servers)
{
    private const string Agreed = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

    private static readonly (string Id, string Offer, string? Answer)[] Offers =
    [
        ("13.1", "permessage-deflate", Agreed),
        ("13.2", "permessage-deflate; server_no_context_takeover", Agreed),
        ("13.3", "permessage-deflate; server_max_window_bits=9", null), // The compressor has no smaller window: the offer is declined.
        ("13.4", "permessage-deflate; server_max_window_bits=15", Agreed + "; server_max_window_bits=15"),
        ("13.5", "permessage-deflate; server_no_context_takeover; server_max_window_bits=9", null),
        ("13.6", "permessage-deflate; server_no_context_takeover; server_max_window_bits=15", Agreed + "; server_max_window_bits=15"),
        ("13.7", "permessage-deflate; server_no_context_takeover; server_max_window_bits=9, permessage-deflate; server_no_context_takeover, permessage-deflate", Agreed),
        ("13.8a", "permessage-deflate; client_max_window_bits", Agreed),
        ("13.8b", "permessage-deflate; client_max_window_bits=8", Agreed),
        ("13.8c", "permessage-deflate; client_max_window_bits=\"15\"", Agreed),
        ("13.8d", "permessage-deflate; client_max_window_bits=7", null),
        ("13.8e", "permessage-deflate; client_max_window_bits=16", null),
        ("13.8f", "permessage-deflate; client_max_window_bits=08", null),
        ("13.8g", "permessage-deflate; server_max_window_bits", null),
        ("13.8h", "permessage-deflate; server_no_context_takeover=true", null),
        ("13.8i", "permessage-deflate; server_no_context_takeover; server_no_context_takeover", null),
        ("13.8j", "permessage-deflate; unknown", null),
        ("13.8k", "x-webkit-deflate-frame, permessage-deflate", Agreed),
        ("13.8l", "permessage-bzip2", null),
    ];

    public static TheoryData<string, string> Cases()
    {
        var table = new TheoryData<string, string>();
        foreach (var (id, _, _) in Offers)
        {
            foreach (var target in Servers.Targets)
            {
                table.Add(target, id);
            }
        }

        return table;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task An_offer_is_taken_or_declined_and_messages_pass_either_way(string target, string id)
    {
        var (_, offer, answer) = Offers.Single(entry => entry.Id == id);
        using var client = await RawClient.OpenAsync(servers.Of(target), offer);

        Assert.Equal(answer, client.Extensions);
        var message = Frames.PingText("a", 1_000);
        await client.SendAsync(answer is null ? Frames.Frame(Frames.Text, message) : Frames.Frame(Frames.Text, Frames.Deflate(message), rsv: 4));
        Assert.Equal("pong a", await client.NextAsync());
    }
}
