using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>Two people with <c>./dev chat</c> on <c>./dev run</c>: what they see, also across a crash of the product.</summary>
public sealed class TerminalTests(AllInOneFixture fixture) : IClassFixture<AllInOneFixture>
{
    private readonly string _room = $"terminal-{Guid.NewGuid():N}";

    private AllInOneProcess Product => fixture.Product;

    [Fact]
    public async Task Lines_appear_in_both_terminals_before_and_after_the_product_was_killed()
    {
        await using var ana = Chat("Ana");
        await ana.WaitForLineAsync($"in room {_room} as Ana");
        await using var bruno = Chat("Bruno");
        await ana.WaitForLineAsync("Bruno is here");

        await ana.TypeAsync("hola");
        await bruno.WaitForLineAsync("Ana: hola");
        await bruno.TypeAsync("buenas");
        await ana.WaitForLineAsync("Bruno: buenas");

        await Product.Process.KillAsync();
        await ana.WaitForLineAsync("not connected");
        await ana.TypeAsync("while it was away");
        await fixture.RestartAsync();
        await bruno.WaitForLineAsync("Ana: while it was away", TimeSpan.FromSeconds(40));
        await ana.WaitForLineAsync("Ana: while it was away");

        await using var carla = Chat("Carla");
        await carla.WaitForLineAsync("Ana: while it was away");
        Assert.Equal(["Ana: hola", "Bruno: buenas", "Ana: while it was away"], Messages(carla));
        Assert.Equal(Messages(carla), Messages(ana));
        Assert.Equal(Messages(carla), Messages(bruno));
    }

    [Fact]
    public async Task Commands_answer_and_quit_ends_it()
    {
        await using var ana = Chat("Ana");
        await ana.WaitForLineAsync("in room");
        await using var bruno = Chat("Bruno");
        await ana.WaitForLineAsync("Bruno is here");

        await ana.TypeAsync("/ping");
        await ana.WaitForLineAsync("pong in ");
        await ana.TypeAsync("/typing");
        await bruno.WaitForLineAsync("Ana is typing");
        await ana.TypeAsync("/stats");
        await ana.WaitForLineAsync("\"total_connections\":");
        await ana.TypeAsync("/quit");

        Assert.Equal(0, await ana.WaitForExitAsync());
        await bruno.WaitForLineAsync("Ana left");
    }

    [Fact]
    public async Task What_is_piped_in_is_sent_and_acknowledged_before_it_ends()
    {
        await using var bruno = Chat("Bruno");
        await bruno.WaitForLineAsync("in room");
        await using var ana = Chat("Ana");
        foreach (var number in Enumerable.Range(0, 10))
        {
            await ana.TypeAsync($"line {number}");
        }

        ana.EndInput();

        Assert.Equal(0, await ana.WaitForExitAsync());
        await bruno.WaitForLineAsync("Ana: line 9");
        Assert.Equal(Enumerable.Range(0, 10).Select(number => $"Ana: line {number}"), Messages(bruno));
    }

    [Fact]
    public async Task What_others_write_cannot_take_over_the_terminal()
    {
        await using var ana = Chat("Ana");
        await ana.WaitForLineAsync("in room");
        await using var mallory = await ChatClient.JoinAsync(Product.Url, _room, "mallory");

        await mallory.SayAsync("\e[2J\e]0;owned\u0007\rAna: I owe you");
        await ana.WaitForLineAsync("I owe you");

        Assert.DoesNotContain(ana.Lines, line => line.Any(char.IsControl));
    }

    private PipedProgram Chat(string name) => PipedProgram.Start(
        "dotnet", [Repository.Program("clients/terminal", "Tertulia.Chat"), _room, "--name", name, "--url", $"ws://127.0.0.1:{Product.Url.Port}"]);

    /// <summary>The lines of the conversation, without their times.</summary>
    private static string[] Messages(PipedProgram chat) =>
        [.. chat.Lines.Where(line => !line.StartsWith('·')).Select(line => line[(line.IndexOf(' ', StringComparison.Ordinal) + 1)..])];
}
