using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>A page in a real browser, spoken to over the Chrome DevTools Protocol (https://chromedevtools.github.io/devtools-protocol/).</summary>
internal sealed class Browser : IAsyncDisposable
{
    // A browser that has just been installed reads much from the disk before its first page.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly PipedProgram _chromium;
    private readonly string _profile;
    private readonly ClientWebSocket _devtools = new();
    private readonly Lock _lock = new();
    private readonly List<string> _console = [];
    private readonly HashSet<string> _loaded = [];
    private readonly Dictionary<int, TaskCompletionSource<JsonNode>> _calls = [];
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _reading = Task.CompletedTask;
    private int _lastCall;

    private Browser(PipedProgram chromium, string profile) => (_chromium, _profile) = (chromium, profile);

    /// <summary>What the page wrote to its console, one entry per call.</summary>
    public IReadOnlyList<string> Console
    {
        get
        {
            lock (_lock)
            {
                return [.. _console];
            }
        }
    }

    /// <summary>Opens a page.</summary>
    public static async Task<Browser> OpenAsync(Uri page)
    {
        var profile = Path.Combine(Path.GetTempPath(), $"tertulia-{Guid.NewGuid():N}"[..24]);
        var chromium = PipedProgram.Start("chromium",
        [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--remote-debugging-port=0", $"--user-data-dir={profile}",
            "--disable-background-networking", "--disable-component-update", "--disable-sync", "about:blank",
        ]);
        var browser = new Browser(chromium, profile);
        try
        {
            await browser.AttachAsync();
            await browser.NavigateAsync(page);
            return browser;
        }
        catch
        {
            await browser.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs a script in the page, as its console does.</summary>
    public async Task RunAsync(string script)
    {
        var result = await CallAsync("Runtime.evaluate", new JsonObject { ["expression"] = script, ["replMode"] = true });
        if (result["exceptionDetails"] is { } failed)
        {
            throw new InvalidOperationException($"The script failed: {failed.ToJsonString()}");
        }
    }

    /// <summary>The first entry of the console, written or to be written, that has the text in it.</summary>
    public Task<string> WaitForConsoleAsync(string text) =>
        WaitForAsync(() => _console.Find(entry => entry.Contains(text, StringComparison.Ordinal)), $"\"{text}\" in the console");

    public async ValueTask DisposeAsync()
    {
        _devtools.Dispose();
        await _reading;
        await _chromium.DisposeAsync();
        if (Directory.Exists(_profile))
        {
            Directory.Delete(_profile, recursive: true);
        }
    }

    private async Task AttachAsync()
    {
        var listening = await _chromium.WaitForLineAsync("DevTools listening on ws://", Patience);
        var port = new Uri(listening[listening.IndexOf("ws://", StringComparison.Ordinal)..]).Port;
        using var http = new HttpClient();
        var targets = await http.GetFromJsonAsync<JsonArray>(new Uri($"http://127.0.0.1:{port}/json/list"));
        var page = targets!.First(target => (string?)target!["type"] == "page")!;
        using var deadline = new CancellationTokenSource(Patience);
        await _devtools.ConnectAsync(new Uri((string)page["webSocketDebuggerUrl"]!), deadline.Token);
        _reading = ReadAsync();
        await CallAsync("Runtime.enable", []);
    }

    /// <summary>A script that is run before the page is loaded would run in the empty one before it, and go with it.</summary>
    private async Task NavigateAsync(Uri page)
    {
        await CallAsync("Page.enable", []);
        await CallAsync("Page.setLifecycleEventsEnabled", new JsonObject { ["enabled"] = true });
        var loaderId = (string)(await CallAsync("Page.navigate", new JsonObject { ["url"] = page.AbsoluteUri }))["loaderId"]!;
        await WaitForAsync(() => _loaded.Contains(loaderId) ? loaderId : null, $"the page {page}");
    }

    private async Task<string> WaitForAsync(Func<string?> find, string what)
    {
        using var deadline = new CancellationTokenSource(Patience);
        while (true)
        {
            Task changed;
            lock (_lock)
            {
                if (find() is { } found)
                {
                    return found;
                }

                changed = _changed.Task;
            }

            try
            {
                await changed.WaitAsync(deadline.Token);
            }
            catch (OperationCanceledException)
            {
                throw new TimeoutException($"Awaited {what}; in the console there is:\n{string.Join('\n', Console)}");
            }
        }
    }

    private async Task<JsonNode> CallAsync(string method, JsonObject parameters)
    {
        var done = new TaskCompletionSource<JsonNode>(TaskCreationOptions.RunContinuationsAsynchronously);
        int id;
        lock (_lock)
        {
            id = ++_lastCall;
            _calls[id] = done;
        }

        var call = new JsonObject { ["id"] = id, ["method"] = method, ["params"] = parameters };
        using var deadline = new CancellationTokenSource(Patience);
        await _devtools.SendAsync(Encoding.UTF8.GetBytes(call.ToJsonString()), WebSocketMessageType.Text, endOfMessage: true, deadline.Token);
        return await done.Task.WaitAsync(deadline.Token);
    }

    private async Task ReadAsync()
    {
        var buffer = new byte[64 * 1024];
        using var message = new MemoryStream();
        try
        {
            while (true)
            {
                var part = await _devtools.ReceiveAsync(buffer.AsMemory(), CancellationToken.None);
                message.Write(buffer, 0, part.Count);
                if (part.EndOfMessage)
                {
                    OnMessage(JsonNode.Parse(message.ToArray())!);
                    message.SetLength(0);
                }
            }
        }
        catch (Exception ended) when (ended is WebSocketException or ObjectDisposedException or OperationCanceledException or InvalidOperationException or JsonException)
        {
            return; // The browser was closed: whoever still waits for it has a deadline.
        }
    }

    private void OnMessage(JsonNode message)
    {
        lock (_lock)
        {
            if (message["id"] is { } id && _calls.Remove((int)id, out var call))
            {
                call.TrySetResult(message["result"] ?? new JsonObject { ["exceptionDetails"] = message["error"]?.DeepClone() });
            }
            else if ((string?)message["method"] == "Runtime.consoleAPICalled")
            {
                _console.Add(string.Join(' ', message["params"]!["args"]!.AsArray().Select(Text)));
                Changed();
            }
            else if ((string?)message["method"] == "Page.lifecycleEvent" && (string?)message["params"]!["name"] == "load")
            {
                _loaded.Add((string)message["params"]!["loaderId"]!);
                Changed();
            }
        }
    }

    private void Changed()
    {
        _changed.TrySetResult();
        _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>A string as it is, an object as the console abbreviates it: <c>room_id=1 active_users=Array(2)</c>.</summary>
    private static string Text(JsonNode? argument) =>
        argument!["preview"]?["properties"] is JsonArray properties
            ? string.Join(' ', properties.Select(property => $"{property!["name"]}={property["value"]}"))
            : argument["value"]?.ToString() ?? (string?)argument["type"] ?? "";
}
