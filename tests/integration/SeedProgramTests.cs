using System.Text.Json;
using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>The programs of the document that the plain dialect comes from run as they stand (seeds/), only host, port and room changed, and see what it documents.</summary>
public sealed class SeedProgramTests(AllInOneFixture fixture) : IClassFixture<AllInOneFixture>
{
    private readonly string _room = $"seed-{Guid.NewGuid():N}";

    private Uri Url => fixture.Product.Url;

    [Trait(Needs.Trait, Needs.PythonWebSockets)]
    [Fact]
    public async Task The_Python_program_is_greeted_and_acknowledged_and_the_room_sees_its_message()
    {
        await using var maria = await ChatClient.JoinAsync(Url, _room, "maria");
        await using var python = PipedProgram.Start("/usr/bin/python3", ["-c", await ProgramAsync("s1.py")]);
        Assert.True(await python.WaitForExitAsync() == 0, string.Join('\n', python.Lines));

        var connected = Frame.Parse(After("Conectado: ", python.Lines[0]));
        Assert.Equal(("connected", _room), (connected.Type, connected.Text("room_id")));
        Assert.Equal(["Juan", "maria"], connected.Items("active_users").Select(user => user.GetProperty("username").GetString()).Order());
        var sent = Frame.Parse(After("Respuesta: ", python.Lines[1]));
        Assert.Equal("message_sent", sent.Type);
        Assert.Equal(sent.Text("message_id"), sent.Root.GetProperty("message_id").GetString());
        Assert.Equal(sent.Text("timestamp"), sent.Root.GetProperty("timestamp").GetString());

        var joined = await maria.WaitForAsync("user_joined");
        Assert.Equal(("1", "Juan"), (joined.Text("user_id"), joined.Text("username")));
        var message = await maria.WaitForAsync("message");
        Assert.Equal((sent.Text("message_id"), "1", "Juan", "Hola mundo!"), (message.Text("id"), message.Text("user_id"), message.Text("username"), message.Text("content")));
        Assert.True(message.Data.GetProperty("created_at").TryGetDateTimeOffset(out _));
        await maria.WaitForAsync("user_left");
    }

    [Trait(Needs.Trait, Needs.Chromium)]
    [Fact]
    public async Task The_browser_program_sees_its_events_and_the_room_sees_it_write_and_type()
    {
        // The document's last three lines are its examples of use: they need the connection to be open.
        var program = (await ProgramAsync("s1.js")).Split("// Uso:");
        await using var maria = await ChatClient.JoinAsync(Url, _room, "maria");
        await using var browser = await Browser.OpenAsync(new Uri(Url, "/health"));

        await browser.RunAsync(program[0]);
        await browser.WaitForConsoleAsync("✅ Conectado");
        Assert.Contains($"room_id={_room}", await browser.WaitForConsoleAsync("Evento: connected"), StringComparison.Ordinal);
        await browser.RunAsync(program[1]);

        await maria.WaitForAsync(frame => frame.Type == "message" && frame.Text("content") == "Hola a todos!", "the page's message");
        await maria.WaitForAsync(frame => frame.Type == "typing" && frame.Text("username") == "Juan" && frame.Flag("is_typing"), "the page's typing");
        await maria.WaitForAsync(frame => frame.Type == "typing" && !frame.Flag("is_typing"), "the end of the page's typing");
        Assert.Contains("message_id=", await browser.WaitForConsoleAsync("Evento: message_sent"), StringComparison.Ordinal);
        await browser.WaitForConsoleAsync("💬 Juan: Hola a todos!");

        await maria.SayAsync("Hola Juan");
        await browser.WaitForConsoleAsync("💬 maria: Hola Juan");
        Assert.DoesNotContain(browser.Console, entry => entry.Contains("typing", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_ping_is_answered_and_what_is_no_JSON_is_an_error_with_message_and_code()
    {
        await using var raw = await ChatClient.JoinAsync(Url, _room, "websocat");

        await raw.SendAsync("""{"type": "ping"}""");
        await raw.WaitForAsync("pong");
        await raw.SendAsync("Hola!");
        var error = await raw.WaitForAsync("error");

        Assert.Equal((JsonValueKind.String, JsonValueKind.Number), (error.Data.GetProperty("message").ValueKind, error.Data.GetProperty("code").ValueKind));
    }

    private async Task<string> ProgramAsync(string name)
    {
        var text = await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "seeds", name));
        return text.Replace("ws://localhost:8000/ws/1", $"ws://{Url.Authority}/ws/{_room}", StringComparison.Ordinal);
    }

    private static string After(string prefix, string line)
    {
        Assert.StartsWith(prefix, line, StringComparison.Ordinal);
        return line[prefix.Length..];
    }
}
