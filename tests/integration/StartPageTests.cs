using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>What the one port answers to a browser, and to whoever looks around.</summary>
public sealed class StartPageTests(AllInOneFixture fixture) : IClassFixture<AllInOneFixture>, IDisposable
{
    private readonly HttpClient _http = new() { BaseAddress = fixture.Product.Url };
    private readonly string _room = $"page-{Guid.NewGuid():N}";

    public void Dispose() => _http.Dispose();

    [Fact]
    [Trait(Needs.Trait, Needs.Chromium)]
    public async Task The_page_is_a_chat_that_shows_what_people_write_as_text()
    {
        const string Hostile = "<img src=x onerror=console.log('owned')>";
        await using var maria = await ChatClient.JoinAsync(fixture.Product.Url, _room, "maria");
        await using var browser = await Browser.OpenAsync(new Uri(fixture.Product.Url, $"/?room={_room}&name=Juan"));
        await maria.WaitForAsync(frame => frame.Type == "user_joined" && frame.Text("username") == "Juan", "the page's user");

        await maria.SayAsync(Hostile);
        await browser.RunAsync(Watch("one.textContent.includes('onerror')", "one.querySelector('img') === null ? 'as text' : 'as HTML'"));
        await browser.WaitForConsoleAsync("as text");
        await browser.RunAsync("byId('text').value = 'Hola a todos'; byId('say').requestSubmit()");

        Assert.Equal("Juan", (await maria.WaitForAsync(frame => frame.Type == "message" && frame.Text("content") == "Hola a todos", "the page's message")).Text("username"));
        Assert.DoesNotContain(browser.Console, entry => entry.Contains("owned", StringComparison.Ordinal));
    }

    [Fact]
    [Trait(Needs.Trait, Needs.Chromium)]
    public async Task The_page_comes_back_after_a_loss_and_shows_what_it_missed_once()
    {
        await using var maria = await ChatClient.JoinAsync(fixture.Product.Url, _room, "maria");
        await using var browser = await Browser.OpenAsync(new Uri(fixture.Product.Url, $"/?room={_room}&name=Juan"));
        await maria.WaitForAsync("user_joined");
        await maria.SayAsync("before");
        await browser.RunAsync(Watch("one.textContent.endsWith('before')", "'shown'"));
        await browser.WaitForConsoleAsync("shown");

        await browser.RunAsync("Math.random = () => 0.5; socket.close()");
        await maria.WaitForAsync("user_left");
        await maria.SayAsync("meanwhile");
        await browser.RunAsync(Watch("one.textContent.endsWith('meanwhile')", "[...log.children].filter((line) => !line.className).map((line) => line.lastChild.textContent).join(',')"));

        Assert.Equal("before,meanwhile", await browser.WaitForConsoleAsync("meanwhile"));
    }

    [Fact]
    [Trait(Needs.Trait, Needs.Chromium)]
    public async Task The_page_shows_a_message_as_it_is_now()
    {
        await using var maria = await ChatClient.JoinAsync(fixture.Product.Url, _room, "maria");
        await using var browser = await Browser.OpenAsync(new Uri(fixture.Product.Url, $"/?room={_room}&name=Juan"));
        await maria.WaitForAsync("user_joined");
        var first = (await maria.SayAsync("first")).Text("message_id");
        var second = (await maria.SayAsync("second")).Text("message_id");
        await browser.RunAsync(Watch("one.textContent.endsWith('second')", "'both are shown'"));
        await browser.WaitForConsoleAsync("both are shown");

        await maria.AskAsync($"\"type\":\"message_edit\",\"message_id\":\"{first}\",\"content\":\"<b>better</b>\"");
        await maria.AskAsync($"\"type\":\"message_delete\",\"message_id\":\"{second}\"");
        await maria.SayAsync("third");
        await browser.RunAsync(Watch("one.textContent.endsWith('third')", "[...log.children].filter((line) => !line.className).map((line) => line.lastChild.textContent).join(',')"));

        Assert.Equal("<b>better</b> (edited),(deleted),third", await browser.WaitForConsoleAsync("third"));
    }

    [Theory]
    [InlineData("/", "text/html")]
    [InlineData("/favicon.ico", "image/svg+xml")]
    [InlineData("/start/chat.js", "text/javascript")]
    [InlineData("/start/page.css", "text/css")]
    public async Task The_pages_files_are_served_and_bound_to_this_origin(string path, string type)
    {
        using var answer = await _http.GetAsync(new Uri(path, UriKind.Relative));

        Assert.Equal((HttpStatusCode.OK, type), (answer.StatusCode, answer.Content.Headers.ContentType?.MediaType));
        Assert.Contains("default-src 'none'", answer.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
        Assert.Equal("nosniff", answer.Headers.GetValues("X-Content-Type-Options").Single());
        Assert.DoesNotContain("https://", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GET", "/nothing", 404)]
    [InlineData("GET", "/nothing/at.all", 404)]
    [InlineData("POST", "/api/v1/nothing", 404)]
    [InlineData("DELETE", "/", 405)]
    [InlineData("POST", "/health", 405)]
    public async Task What_is_not_there_is_a_problem_that_says_what_is(string method, string path, int status)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        using var answer = await _http.SendAsync(request);

        Assert.Equal((status, "application/problem+json"), ((int)answer.StatusCode, answer.Content.Headers.ContentType?.MediaType));
        using var problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
        Assert.Equal(status, problem.RootElement.GetProperty("status").GetInt32());
        Assert.NotEmpty(problem.RootElement.GetProperty("detail").GetString()!);
    }

    [Theory]
    [InlineData("/health")]
    [InlineData("/health/live")]
    [InlineData("/health/ready")]
    [InlineData("/")]
    public async Task A_HEAD_is_answered_as_a_GET_without_its_body(string path)
    {
        using var head = await _http.SendAsync(new HttpRequestMessage(HttpMethod.Head, path));
        using var get = await _http.GetAsync(new Uri(path, UriKind.Relative));

        Assert.Equal((HttpStatusCode.OK, get.Content.Headers.ContentType), (head.StatusCode, head.Content.Headers.ContentType));
        Assert.Empty(await head.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Metrics_are_for_those_who_know_the_secret()
    {
        const string Secret = "0123456789abcdef0123456789abcdef";
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        await using var product = await AllInOneProcess.StartAsync(new Dictionary<string, string> { ["Internal__Secret"] = Secret }, deadline.Token);
        await using var ana = await ChatClient.JoinAsync(product.Url, _room, "ana");
        await ana.SayAsync("counted");
        using var http = new HttpClient { BaseAddress = product.Url };

        using var stranger = await http.GetAsync(new Uri("/metrics", UriKind.Relative));
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Secret);
        var text = await http.GetStringAsync(new Uri("/metrics", UriKind.Relative));

        Assert.Equal(HttpStatusCode.Unauthorized, stranger.StatusCode);
        Assert.All(
            ["tertulia_messages_total{", "tertulia_connections{", "tertulia_log_entries_total{", "tertulia_presence_users{", "dotnet_gc_collections_total{", "process_cpu_time_seconds_total{"],
            name => Assert.Contains(text.Split('\n'), line => line.StartsWith(name, StringComparison.Ordinal)));
    }

    /// <summary>Writes to the console when there is such a line in the page, now or later.</summary>
    private static string Watch(string found, string output) => $$"""
        (() => {
          const look = () => {
            const one = [...log.children].find((one) => {{found}});
            if (one) { console.log({{output}}); watcher.disconnect(); }
          };
          const watcher = new MutationObserver(look);
          watcher.observe(log, { childList: true });
          look();
        })()
        """;
}
