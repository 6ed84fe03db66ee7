using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>The product that all cells of the matrix are tried on.</summary>
public sealed class MatrixFixture : IAsyncLifetime
{
    private AllInOneProcess? _product;

    public Uri Url => _product!.Url;

    public async Task InitializeAsync()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        _product = await AllInOneProcess.StartAsync(
            new Dictionary<string, string>
            {
                ["Limits__EventsPerMinute"] = "0", ["Limits__RoomsCreatedPerHour"] = "0", ["Limits__RoomsPerConnection"] = "0", ["Auth__Secret"] = Tokens.Secret,
                ["Auth__ClockSkew"] = "00:00:00", ["Store__Synchronous"] = "Normal",
            },
            deadline.Token);
    }

    public async Task DisposeAsync() => await (_product?.DisposeAsync() ?? ValueTask.CompletedTask);
}

/// <summary>Every action of docs/permissions.md, as every role and in every other state (kicked, banned, muted, with a narrowed or a revoked token …), in every kind of
/// room, through the socket and over HTTP: what the document says is what happens.</summary>
/// <remarks>That the document says what the code enforces is tested where the table is. A cell that is otherwise names itself. Rooms are tried at the same time.</remarks>
public sealed class PermissionMatrixTests(MatrixFixture fixture) : IClassFixture<MatrixFixture>, IAsyncLifetime
{
    private const int Forbidden = 40301;
    private const int NotMember = 40302;
    private const int Banned = 40304;
    private const int MessageNotFound = 40402;
    private const string Actor = "moderator"; // Whose other states are tried.

    private static readonly string[] Roles = ["none", "guest", "member", "moderator", "owner"];
    private static readonly Dictionary<string, int> Codes = new()
    {
        ["yes"] = 0, ["forbidden"] = Forbidden, ["not_member"] = NotMember, ["muted"] = 40303, ["banned"] = Banned,
    };

    // On a socket these are said in a room that the session has entered.
    private static readonly HashSet<string> InRoom = ["write", "reply", "edit own", "edit any", "delete own", "delete any", "react", "pin", "type", "broadcast"];
    private static readonly HashSet<string> OfMessages = ["edit own", "edit any", "delete own", "delete any", "react", "pin"];
    private static readonly HashSet<string> SocketOnly = ["type", "broadcast", "report"];
    private static readonly HashSet<string> HttpOnly = ["read audit"];

    private readonly HttpClient _http = new() { BaseAddress = fixture.Url, Timeout = TimeSpan.FromSeconds(30) };
    private readonly string _rootToken = Tokens.With("root", "admin");
    private ChatClient _root = null!;
    private int _names;

    public static TheoryData<string, bool> Doors => new()
    {
        { "public", false }, { "private", false }, { "direct", false }, { "auditorium", false }, { "public", true }, { "private", true }, { "direct", true }, { "auditorium", true },
    };

    public async Task InitializeAsync()
    {
        _root = await ChatClient.ConnectAsync(fixture.Url, $"/ws?token={_rootToken}");
        await _root.WaitForAsync("connected");
    }

    public async Task DisposeAsync()
    {
        await _root.DisposeAsync();
        _http.Dispose();
    }

    [Theory]
    [MemberData(nameof(Doors))]
    public async Task What_the_document_says_is_what_happens(string kind, bool overHttp)
    {
        var byRole = Read($"## In a room that is {kind}");
        var byState = Read($"## A {Actor} of a room that is {kind}");
        var cells = Roles.Select((role, column) => TryAllAsync(kind, overHttp, role, state: null, byRole.ToDictionary(row => row.Key, row => RoleCode(row.Key, role, row.Value[column + 1]))))
            .Concat(byState["action"].Select((state, column) => TryAllAsync(kind, overHttp, Actor, state, byState.Where(row => row.Key != "action").ToDictionary(row => row.Key, row => Codes[row.Value[column]]))));

        var wrong = (await Task.WhenAll(cells)).SelectMany(some => some).ToArray();

        Assert.True(wrong.Length == 0, string.Join('\n', wrong));
        Assert.True(byRole.Count > 30 && byState.Count > 30 && byState["action"].Length == 8, "the document has the actions and the states");

        static int RoleCode(string action, string role, string cell) => cell == "yes" ? 0 : role == "none" && action != "enter" ? NotMember : Forbidden;
    }

    [Fact]
    public async Task A_token_that_is_no_more_does_nothing_anywhere()
    {
        var (room, own) = await SetUpAsync("private", "owner");
        var jti = Guid.NewGuid().ToString();
        var (expired, byId, byUser) = (Tokens.For(own.UserId, TimeSpan.FromHours(-1)), Tokens.With(own.UserId, jti: jti), Tokens.With(own.UserId));
        await DoAsync(HttpMethod.Post, "auth/revoke", $$"""{"jti":"{{jti}}"}""");
        await TryAsync(byId, 40104);
        Assert.Equal(HttpStatusCode.OK, (await SendAsync(own.Token, HttpMethod.Get, $"rooms/{room}/messages", null)).StatusCode);
        await DoAsync(HttpMethod.Post, "auth/revoke", $$"""{"user_id":"{{own.UserId}}"}""");
        await TryAsync(byUser, 40104);
        await TryAsync(expired, 40103);
        Assert.Equal(HttpStatusCode.OK, (await SendAsync(Tokens.With(own.UserId), HttpMethod.Get, $"rooms/{room}/messages", null)).StatusCode);

        async Task TryAsync(string token, int code)
        {
            foreach (var action in Read("## In a room that is private").Keys.Where(action => !SocketOnly.Contains(action)))
            {
                var (method, path, body) = RequestOf(action, room, own, "somebody");
                Assert.Equal((action, code), (action, await CodeAsync(token, method, path, body)));
            }

            await using var socket = await ChatClient.ConnectAsync(fixture.Url, $"/ws/{room}?token={token}");
            Assert.Equal(code, (await socket.WaitForAsync("error")).Code);
            await socket.WaitForCloseAsync();
        }
    }

    /// <summary>All actions of one user in one room.</summary>
    /// <returns>What is otherwise.</returns>
    private async Task<List<string>> TryAllAsync(string kind, bool overHttp, string role, string? state, Dictionary<string, int> expected)
    {
        var wrong = new List<string>();
        var (room, own) = await SetUpAsync(kind, role);
        own = state is null ? own : await BringAboutAsync(state, room, own);
        await using var door = overHttp ? null : new SocketDoor(() => ConnectAsync(own), mayBeClosed: state == "token revoked");
        var isIn = door is not null && (await door.AskAsync($"\"type\":\"join\",\"room_id\":\"{room}\"")).Type == "joined";
        if (isIn && (role == "none" || expected["write"] == NotMember))
        {
            await RemoveAsync(); // Anyone may enter, and is in by that.
        }

        // What ends the membership or the room comes last.
        foreach (var (action, code) in expected.OrderBy(row => row.Key switch { "leave for good" => 1, "enter" => 2, "delete room" => 3, _ => 0 }))
        {
            if ((overHttp ? SocketOnly : HttpOnly).Contains(action))
            {
                continue;
            }

            var other = action is "remove member" or "set role" or "kick" or "ban" or "mute" ? await NewMemberAsync(room, isNeeded: code == 0 || action == "set role") : Name("v");
            var (asked, came) = overHttp
                ? (OverHttp(action, code, state), await AskOverHttpAsync(action, room, own, other))
                : (!isIn && InRoom.Contains(action) ? NotMember : code, (await door!.AskAsync(FrameOf(action, room, own, other))).Code);
            if (came != asked)
            {
                wrong.Add($"{action} as {role}{(state is null ? "" : $", {state},")} in a room that is {kind}, {(overHttp ? "over HTTP" : "on a socket")}: {came} instead of {asked}");
            }

            if (came == 0 && action == "enter" && expected["write"] == NotMember)
            {
                await RemoveAsync();
            }
            else if (came == 0 && action == "leave for good")
            {
                await DoAsync(HttpMethod.Put, $"rooms/{room}/members/{own.UserId}", $$"""{"role":"{{role}}"}""");
            }
        }

        return wrong;

        async Task RemoveAsync()
        {
            var socket = door?.Client;
            var seen = socket?.Frames.Count(frame => frame.Type == "left") ?? 0;
            await DoAsync(HttpMethod.Delete, $"rooms/{room}/members/{own.UserId}", null);
            if (socket is not null)
            {
                await socket.WaitForAsync(_ => socket.Frames.Count(frame => frame.Type == "left") > seen, "the end of the membership");
            }

            isIn = false;
        }
    }

    // The paths of messages name no room: who may not read one is not told that it exists.
    private static int OverHttp(string action, int code, string? state) =>
        OfMessages.Contains(action) && (code is NotMember or Banned || (code == Forbidden && state is "token elsewhere" or "token revoked")) ? MessageNotFound : code;

    private async Task<Own> BringAboutAsync(string state, string room, Own own)
    {
        var user = $$"""{"user_id":"{{own.UserId}}"}""";
        switch (state)
        {
            case "kicked":
                await DoAsync(HttpMethod.Post, $"rooms/{room}/kicks", user);
                break;
            case "banned":
                await DoAsync(HttpMethod.Post, $"rooms/{room}/bans", user);
                break;
            case "ban over":
                var until = DateTimeOffset.UtcNow.AddSeconds(1).UtcDateTime.ToString("O");
                await DoAsync(HttpMethod.Post, $"rooms/{room}/bans", $$"""{"user_id":"{{own.UserId}}","until":"{{until}}"}""");
                await Eventually.EqualsAsync(false, async () => await CodeAsync(own.Token, HttpMethod.Get, $"rooms/{room}/messages", null) == Banned);
                break;
            case "muted":
                await DoAsync(HttpMethod.Post, $"rooms/{room}/mutes", user);
                break;
            case "archived":
                await DoAsync(HttpMethod.Patch, $"rooms/{room}", """{"archived":true}""");
                break;
            case "token reads":
                return own with { Token = Tokens.With(own.UserId, rooms: new Dictionary<string, string[]> { [room] = ["read"] }) };
            case "token elsewhere":
                return own with { Token = Tokens.With(own.UserId, rooms: new Dictionary<string, string[]> { [$"{room}-2"] = ["read", "write", "presence", "moderate"] }) };
            case "token revoked":
                await DoAsync(HttpMethod.Post, "auth/revoke", $$"""{"user_id":"{{own.UserId}}","room_id":"{{room}}"}""");
                break;
            default:
                throw new InvalidOperationException($"{state} is a column of the document that this test cannot bring about");
        }

        return own;
    }

    /// <summary>A user of the role in a room of the kind, who wrote messages there before, beside two of another user.</summary>
    private async Task<(string Room, Own Own)> SetUpAsync(string kind, string role)
    {
        var user = Name("u");
        var token = Tokens.With(user);
        var room = kind == "direct"
            ? (await _root.AskAsync($"\"type\":\"direct\",\"user_id\":\"{user}\",\"content\":\"hola\"")).Root.GetProperty("room_id").GetString()!
            : TextOf(await DoAsync(HttpMethod.Post, "rooms", $$"""{"kind":"{{kind}}"}"""), "room_id");
        if (kind != "direct")
        {
            await DoAsync(HttpMethod.Patch, $"rooms/{room}", $$"""{"community":"{{room}}"}"""); // The main room of a community of its own.
        }

        await DoAsync(HttpMethod.Put, $"rooms/{room}/members/{user}", """{"role":"owner"}""");
        var messages = await Task.WhenAll(new[] { token, token, _rootToken, _rootToken }.Select(async writer =>
            TextOf(await (await SendAsync(writer, HttpMethod.Post, $"rooms/{room}/messages", """{"content":"hola"}""")).Content.ReadFromJsonAsync<JsonElement>(), "message_id")));
        if (role == "none")
        {
            await DoAsync(HttpMethod.Delete, $"rooms/{room}/members/{user}", null);
        }
        else if (role != "owner")
        {
            await DoAsync(HttpMethod.Put, $"rooms/{room}/members/{user}", $$"""{"role":"{{role}}"}""");
        }

        return (room, new Own(user, token, messages[0], messages[1], messages[2], messages[3]));
    }

    private async Task<int> AskOverHttpAsync(string action, string room, Own own, string other)
    {
        var (method, path, body) = RequestOf(action, room, own, other);
        return await CodeAsync(own.Token, method, path, body);
    }

    private (HttpMethod Method, string Path, string? Body) RequestOf(string action, string room, Own own, string other) => action switch
    {
        "enter" => (HttpMethod.Put, $"rooms/{room}/members/me", null),
        "read" => (HttpMethod.Get, $"rooms/{room}/messages", null),
        "search" => (HttpMethod.Get, $"search?query=hola&room_id={room}", null),
        "write" => (HttpMethod.Post, $"rooms/{room}/messages", """{"content":"hola"}"""),
        "reply" => (HttpMethod.Post, $"rooms/{room}/messages", $$"""{"content":"hola","reply_to":"{{own.Others}}"}"""),
        "edit own" => (HttpMethod.Patch, $"messages/{own.Edited}", """{"content":"another"}"""),
        "edit any" => (HttpMethod.Patch, $"messages/{own.Others}", """{"content":"another"}"""),
        "delete own" => (HttpMethod.Delete, $"messages/{own.Deleted}", null),
        "delete any" => (HttpMethod.Delete, $"messages/{own.OthersDeleted}", null),
        "react" => (HttpMethod.Put, $"messages/{own.Others}/reactions/:ok:", null),
        "pin" => (HttpMethod.Put, $"messages/{own.Others}/pin", null),
        "see members" => (HttpMethod.Get, $"rooms/{room}/members", null),
        "read reports" => (HttpMethod.Get, $"rooms/{room}/reports", null),
        "read audit" => (HttpMethod.Get, $"audit?room_id={room}", null),
        "leave for good" => (HttpMethod.Delete, $"rooms/{room}/members/me", null),
        "invite" => (HttpMethod.Post, $"rooms/{room}/invitations", $$"""{"user_id":"{{other}}"}"""),
        "add member" => (HttpMethod.Put, $"rooms/{room}/members/{other}", null),
        "remove member" => (HttpMethod.Delete, $"rooms/{room}/members/{other}", null),
        "set role" => (HttpMethod.Put, $"rooms/{room}/members/{other}", """{"role":"member"}"""),
        "kick" or "ban" or "mute" => (HttpMethod.Post, $"rooms/{room}/{action}s", $$"""{"user_id":"{{other}}"}"""),
        "add channel" => (HttpMethod.Post, "rooms", $$"""{"kind":"public","community":"{{room}}"}"""),
        "delete room" => (HttpMethod.Delete, $"rooms/{room}", null),
        _ => (HttpMethod.Patch, $"rooms/{room}", $"{{{SettingOf(action)}}}"),
    };

    private string FrameOf(string action, string room, Own own, string other)
    {
        if (action == "add channel")
        {
            return $"\"type\":\"room_create\",\"community\":\"{room}\""; // About a new room.
        }

        var fields = action switch
        {
            "enter" => "\"type\":\"join\"",
            "read" => "\"type\":\"history\"",
            "search" => "\"type\":\"search\",\"query\":\"hola\"",
            "write" => "\"type\":\"message\",\"content\":\"hola\"",
            "reply" => $"\"type\":\"message\",\"content\":\"hola\",\"reply_to\":\"{own.Others}\"",
            "edit own" => $"\"type\":\"message_edit\",\"content\":\"another\",\"message_id\":\"{own.Edited}\"",
            "edit any" => $"\"type\":\"message_edit\",\"content\":\"another\",\"message_id\":\"{own.Others}\"",
            "delete own" => $"\"type\":\"message_delete\",\"message_id\":\"{own.Deleted}\"",
            "delete any" => $"\"type\":\"message_delete\",\"message_id\":\"{own.OthersDeleted}\"",
            "react" => $"\"type\":\"reaction_add\",\"emoji\":\":ok:\",\"message_id\":\"{own.Others}\"",
            "pin" => $"\"type\":\"pin\",\"message_id\":\"{own.Others}\"",
            "type" => "\"type\":\"typing\",\"is_typing\":true",
            "broadcast" => "\"type\":\"broadcast\",\"event\":\"wave\"",
            "see members" => "\"type\":\"members\"",
            "read reports" => "\"type\":\"reports\"",
            "report" => $"\"type\":\"report\",\"message_id\":\"{own.Others}\"",
            "leave for good" => $"\"type\":\"member_remove\",\"user_id\":\"{own.UserId}\"",
            "invite" or "kick" or "ban" or "mute" => $"\"type\":\"{action}\",\"user_id\":\"{other}\"",
            "add member" => $"\"type\":\"member_add\",\"user_id\":\"{other}\"",
            "remove member" => $"\"type\":\"member_remove\",\"user_id\":\"{other}\"",
            "set role" => $"\"type\":\"member_role\",\"role\":\"member\",\"user_id\":\"{other}\"",
            "delete room" => "\"type\":\"room_delete\"",
            _ => $"\"type\":\"room_update\",{SettingOf(action)}",
        };
        return $"{fields},\"room_id\":\"{room}\"";
    }

    private string SettingOf(string action) => action switch
    {
        "rename" => $"\"name\":\"{Name("n")}\"",
        "set topic" => $"\"topic\":\"{Name("t")}\"",
        "set kind" => $"\"community\":\"{Name("c")}\"",
        "slow mode" => "\"slow_mode\":0",
        "archive" => "\"archived\":false",
        "set retention" => "\"retention_days\":0",
        _ => throw new InvalidOperationException($"{action} is a row of the document that this test does not know"),
    };

    private string Name(string prefix) => $"{prefix}-{Environment.ProcessId}-{GetHashCode():x}-{Interlocked.Increment(ref _names)}";

    // Who may not touch them is refused whether or not there is such a member.
    private async Task<string> NewMemberAsync(string room, bool isNeeded)
    {
        var member = Name("m");
        if (isNeeded)
        {
            await DoAsync(HttpMethod.Put, $"rooms/{room}/members/{member}", """{"role":"guest"}""");
        }

        return member;
    }

    private async Task<ChatClient> ConnectAsync(Own own)
    {
        var client = await ChatClient.ConnectAsync(fixture.Url, $"/ws?token={own.Token}");
        await client.WaitForAsync("connected");
        return client;
    }

    /// <summary>What an admin does.</summary>
    private async Task<JsonElement> DoAsync(HttpMethod method, string path, string? body)
    {
        using var response = await SendAsync(_rootToken, method, path, body);
        Assert.True(response.IsSuccessStatusCode, $"{method} {path} {body}: {await response.Content.ReadAsStringAsync()}");
        return await response.Content.ReadFromJsonAsync<JsonElement>();
    }

    /// <returns>0 for success.</returns>
    private async Task<int> CodeAsync(string token, HttpMethod method, string path, string? body)
    {
        using var response = await SendAsync(token, method, path, body);
        return response.IsSuccessStatusCode ? 0 : (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetInt32();
    }

    private async Task<HttpResponseMessage> SendAsync(string token, HttpMethod method, string path, string? body)
    {
        using var request = new HttpRequestMessage(method, $"/api/v1/{path}");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        request.Content = body is null ? null : new StringContent(body, System.Text.Encoding.UTF8, "application/json");
        return await _http.SendAsync(request);
    }

    private static string TextOf(JsonElement answer, string name) => answer.GetProperty(name).GetString()!;

    /// <summary>The rows of a table of the document by their first cell, without it.</summary>
    private static Dictionary<string, string[]> Read(string heading) => File.ReadLines(Path.Combine(Repository.Root, "docs/permissions.md"))
        .SkipWhile(line => line != heading && !line.StartsWith(heading + ",", StringComparison.Ordinal)).Skip(1)
        .TakeWhile(line => !line.StartsWith("## ", StringComparison.Ordinal))
        .Where(line => line.StartsWith("| ", StringComparison.Ordinal))
        .Select(line => line.Split('|', StringSplitOptions.TrimEntries)[1..^1])
        .Where(cells => cells[0] != "action" || !heading.StartsWith("## In ", StringComparison.Ordinal))
        .ToDictionary(cells => cells[0], cells => cells[1..]);

    /// <summary>One socket after the other.</summary>
    /// <param name="connect">Opens one.</param>
    /// <param name="mayBeClosed">A node learns of a revocation once more, moments later, and closes who is entering the room then.</param>
    private sealed class SocketDoor(Func<Task<ChatClient>> connect, bool mayBeClosed) : IAsyncDisposable
    {
        public ChatClient? Client { get; private set; }

        public async Task<Frame> AskAsync(string fields)
        {
            Client ??= await connect();
            try
            {
                return await Client.AskAsync(fields);
            }
            catch (Exception) when (mayBeClosed)
            {
                Assert.Equal(4503, await Client.WaitForCloseAsync());
                await Client.DisposeAsync();
                Client = await connect();
                return await Client.AskAsync(fields);
            }
        }

        public ValueTask DisposeAsync() => Client?.DisposeAsync() ?? ValueTask.CompletedTask;
    }

    /// <summary>A user and messages: two of theirs, two of another's.</summary>
    private sealed record Own(string UserId, string Token, string Edited, string Deleted, string Others, string OthersDeleted);
}
