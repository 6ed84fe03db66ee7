using System.Text;
using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>Who is a member of thousands of rooms can connect: the greeting holds what fits, the rest follows.</summary>
public sealed class ManyRoomsTests
{
    private const int Rooms = 5_000;
    private const int AtOnce = 100;
    private const int LargestFrame = 64 * 1024;

    [Fact]
    public async Task A_user_of_five_thousand_rooms_is_told_of_all_of_them_in_frames_that_fit()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        var environment = new Dictionary<string, string>
        {
            ["Limits__EventsPerMinute"] = "0",
            ["Limits__RoomsPerConnection"] = "0",
            ["Limits__RoomsCreatedPerHour"] = "0",
            ["Limits__RoomsCreatedPerUser"] = "0",
        };
        await using var product = await AllInOneProcess.StartAsync(environment, deadline.Token);
        await using (var maker = await ConnectAsync(product.Url))
        {
            for (var first = 0; first < Rooms; first += AtOnce)
            {
                await Task.WhenAll(Enumerable.Range(first, AtOnce).Select(number => maker.AskAsync($$"""
                    "type":"join","room_id":"{{Name(number)}}","history":0
                    """)));
            }
        }

        await using var client = await ConnectAsync(product.Url);
        await client.WaitForAsync(_ => RoomsIn(client).Count >= Rooms, $"{Rooms} rooms");

        Assert.Equal(Enumerable.Range(0, Rooms).Select(Name).Order(StringComparer.Ordinal), RoomsIn(client).Order(StringComparer.Ordinal));
        Assert.All(client.Frames, frame => Assert.InRange(Encoding.UTF8.GetByteCount(frame.Raw), 1, LargestFrame));
        Assert.Equal("pong", (await client.AskAsync("\"type\":\"ping\"")).Type);
    }

    private static string Name(int number) => $"ticket:2026:{number:00000000}";

    private static async Task<ChatClient> ConnectAsync(Uri server)
    {
        var client = await ChatClient.ConnectAsync(server, "/ws?user_id=agent&username=agent");
        await client.WaitForAsync("connected");
        return client;
    }

    private static List<string> RoomsIn(ChatClient client) =>
        [.. client.Frames.Where(frame => frame.Type is "connected" or "rooms").SelectMany(frame => frame.Items("rooms")).Select(room => room.GetProperty("room_id").GetString()!)];
}
