using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>Typing and presence: across nodes, never to oneself, never in the way.</summary>
[Collection(LimitedCollection.Name)]
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class EphemeralTests(LimitedCluster fixture) : IAsyncLifetime
{
    private readonly string _room = $"ephemeral-{Guid.NewGuid():N}";
    private ChatClient? _ana, _bruno;

    private ChatClient Ana => _ana!;

    private ChatClient Bruno => _bruno!;

    public async Task InitializeAsync()
    {
        _ana = await ChatClient.JoinAsync(fixture.Cluster.NodeUrls[0], _room, $"ana-{_room}");
        _bruno = await ChatClient.JoinAsync(fixture.Cluster.NodeUrls[1], _room, $"bruno-{_room}");
        await _ana.WaitForAsync(frame => frame.Type == "user_joined" && frame.Text("user_id") == $"bruno-{_room}", "Bruno's coming");
    }

    public async Task DisposeAsync()
    {
        await Ana.DisposeAsync();
        await Bruno.DisposeAsync();
    }

    [Fact]
    public async Task Typing_is_shown_to_the_others_and_ends_by_itself()
    {
        await Ana.SendAsync("""{"type":"typing","is_typing":true}""");

        var started = await Bruno.WaitForAsync("typing");
        Assert.Equal(($"ana-{_room}", $"ana-{_room}", true), (started.Text("user_id"), started.Text("username"), started.Flag("is_typing")));
        await Bruno.WaitForAsync(frame => frame.Type == "typing" && !frame.Flag("is_typing"), "the end of it", TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task Typing_is_not_shown_to_oneself_nor_kept()
    {
        await Ana.SendAsync("""{"type":"typing","is_typing":true}""");
        await Bruno.WaitForAsync("typing");
        await Ana.SayAsync("what was typed");
        await Ana.WaitForAsync("message");

        Assert.DoesNotContain(Ana.Frames, frame => frame.Type == "typing");
        var history = await Bruno.AskAsync("\"type\":\"history\"");
        Assert.Equal(["what was typed"], history.Messages("items").Select(message => message.Content));
    }

    [Fact]
    public async Task What_an_application_broadcasts_is_told_to_the_others_on_all_nodes_and_kept_nowhere()
    {
        await using var tablet = await ChatClient.JoinAsync(fixture.Cluster.NodeUrls[1], _room, $"ana-{_room}");

        var taken = await Ana.AskAsync("\"type\":\"broadcast\",\"event\":\"cursor\",\"payload\":{\"x\":[1,2]}");
        await Ana.SayAsync("after it");
        await Ana.WaitForAsync("message");

        Assert.Equal("""{"event":"cursor"}""", taken.Data.GetRawText());
        var data = $$$"""{"event":"cursor","user_id":"ana-{{{_room}}}","username":"ana-{{{_room}}}","payload":{"x":[1,2]}}""";
        Assert.Equal(data, (await Bruno.WaitForAsync("broadcast")).Data.GetRawText());
        Assert.Equal(data, (await tablet.WaitForAsync("broadcast")).Data.GetRawText());
        Assert.Equal([taken], Ana.Frames.Where(frame => frame.Type == "broadcast"));
        var history = await Bruno.AskAsync("\"type\":\"history\"");
        Assert.Equal(["after it"], history.Messages("items").Select(message => message.Content));
    }

    [Fact]
    public async Task Stopping_to_type_and_leaving_end_it_at_once()
    {
        await Ana.SendAsync("""{"type":"typing","is_typing":true}""");
        await Ana.SendAsync("""{"type":"typing","is_typing":false}""");
        await Bruno.WaitForAsync(frame => frame.Type == "typing" && !frame.Flag("is_typing"), "the end of Ana's typing", TimeSpan.FromSeconds(4));

        await Bruno.SendAsync("""{"type":"typing","is_typing":true}""");
        await Ana.WaitForAsync(frame => frame.Type == "typing" && frame.Flag("is_typing"), "Bruno's typing");
        await Bruno.CloseAsync();
        await Ana.WaitForAsync(frame => frame.Type == "typing" && !frame.Flag("is_typing"), "the end of Bruno's typing", TimeSpan.FromSeconds(4));
    }

    [Fact]
    public async Task Coming_and_going_is_told_by_the_first_and_the_last_device()
    {
        var carla = $"carla-{_room}";
        await using var phone = await ChatClient.JoinAsync(fixture.Cluster.NodeUrls[0], _room, carla);
        await Bruno.WaitForAsync(frame => frame.Type == "user_joined" && frame.Text("user_id") == carla, "Carla's coming");
        await using var laptop = await ChatClient.JoinAsync(fixture.Cluster.NodeUrls[1], _room, carla);

        var here = (await laptop.WaitForAsync("connected")).Items("active_users").Select(user => user.GetProperty("user_id").GetString()).Order();
        Assert.Equal([$"ana-{_room}", $"bruno-{_room}", carla], here);
        await phone.CloseAsync();
        await laptop.CloseAsync();
        await Bruno.WaitForAsync(frame => frame.Type == "user_left" && frame.Text("user_id") == carla, "Carla's leaving");

        Assert.Single(Bruno.Frames, frame => frame.Type == "user_joined" && frame.Text("user_id") == carla);
        Assert.Single(Bruno.Frames, frame => frame.Type == "user_left" && frame.Text("user_id") == carla);
        Assert.DoesNotContain(phone.Frames.Concat(laptop.Frames), frame => frame.Type == "user_joined" && frame.Text("user_id") == carla);
    }
}
