using System.Text.Json;
using Tertulia.Connections.Auth;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Tests.Doors.Http;

public sealed class ServerNotificationEndpointTests : IAsyncLifetime
{
    private const string Path = "/api/v1/server/notifications";
    private const string Key = "a-long-and-random-key-of-the-shop";
    private const string Whole = """{"user_ids":["ana","bruno"],"title":"Order","body":"On its way","link":"/orders/7","kind":"order.shipped","sound":"ding"}""";
    private const string Least = """{"user_ids":["ana"],"title":"Order","body":""}""";

    private readonly List<NotifyRequest> _asked = [];
    private HttpHost _host = null!;

    public async Task InitializeAsync()
    {
        _host = await HttpHost.StartAsync(("Auth:ServiceKeys:0", $"shop:{ServiceKeys.HashOf(Key)}"));
        _host.Calls.On<NotifyRequest, NotifyReply>("Notify", request =>
        {
            _asked.Add(request);
            return request.Title.Length > 0 ? new NotifyReply { Notified = (uint)request.UserIds.Count } : throw RpcErrors.Refuse(ErrorCode.BadRequest, "title has 1 to 200 characters");
        });
    }

    public async Task DisposeAsync() => await _host.DisposeAsync();

    [Fact]
    public async Task Users_are_notified_of_what_the_service_says()
    {
        var answer = await AskAsync(Whole, ("Idempotency-Key", "k1"));

        Assert.Equal((200, """{"notified":2}"""), (answer.Status, answer.Body));
        var asked = Assert.Single(_asked);
        Assert.InRange(asked.Key.Length, 1, 64);
        Assert.Equal(
            new NotifyRequest
            {
                UserIds = { "ana", "bruno" }, Key = asked.Key, Title = "Order", Body = "On its way", Link = "/orders/7", Kind = "order.shipped", Sound = "ding",
            },
            asked);
    }

    [Fact]
    public async Task A_sound_that_is_not_named_is_that_of_the_kind_and_an_empty_one_is_none()
    {
        await AskAsync(Least);
        await AskAsync("""{"user_ids":["ana"],"title":"Order","body":"","sound":""}""");

        Assert.Equal([(false, ""), (true, "")], _asked.Select(asked => (asked.HasSound, asked.Sound)));
    }

    [Fact]
    public async Task A_key_is_the_same_for_one_service_and_another_ones_for_another()
    {
        await AskAsync(Least, ("Idempotency-Key", "k1"));
        await AskAsync(Least, ("Idempotency-Key", "k1"));
        await AskAsync(Least, ("Idempotency-Key", "k2"));
        await _host.SendRawAsync(HttpMethod.Post, Path, _host.Token("bank", role: "service"), System.Text.Encoding.UTF8.GetBytes(Least), ("Idempotency-Key", "k1"));
        await AskAsync(Least);
        await AskAsync(Least);

        var keys = _asked.ConvertAll(asked => asked.Key);
        Assert.Equal(keys[0], keys[1]);
        Assert.Equal(5, keys.Distinct().Count());
    }

    [Theory]
    [InlineData("""{"title":"a","body":"b"}""", 40001)]
    [InlineData("""{"user_ids":[],"title":"a","body":"b"}""", 40001)]
    [InlineData("""{"user_ids":[null],"title":"a","body":"b"}""", 40001)]
    [InlineData("""{"user_ids":[""],"title":"a","body":"b"}""", 40001)]
    [InlineData("""{"user_ids":["a\u0000"],"title":"a","body":"b"}""", 40001)]
    [InlineData("""{"user_ids":"ana","title":"a","body":"b"}""", 40001)]
    [InlineData("""{"user_ids":["ana"],"title":7,"body":"b"}""", 40001)]
    [InlineData("""{"user_ids":["ana"],"title":"\ud800","body":"b"}""", 40001)]
    [InlineData("""{"user_ids":["ana"],"body":"b"}""", 40001)]
    [InlineData("null", 40001)]
    [InlineData("{", 40002)]
    public async Task A_bad_body_is_refused(string body, int code) => Assert.Equal((400, code), Short(await AskAsync(body)));

    [Fact]
    public async Task More_than_a_hundred_users_and_a_bad_key_are_refused()
    {
        string Users(int count) => JsonSerializer.Serialize(new { user_ids = Enumerable.Range(1, count).Select(user => $"u{user}"), title = "a", body = "b" });

        Assert.Equal((400, 40001), Short(await AskAsync(Users(101))));
        Assert.Equal((400, 40001), Short(await AskAsync(Least, ("Idempotency-Key", new string('k', 65)))));
        Assert.Empty(_asked);
        Assert.Equal("""{"notified":100}""", (await AskAsync(Users(100))).Body);
    }

    [Fact]
    public async Task Users_notify_nobody()
    {
        Assert.Equal((403, 40301, "forbidden"), (await _host.SendAsync(HttpMethod.Post, Path, "ana", Least)).Problem);
        Assert.Empty(_asked);
    }

    private static (int Status, int Code) Short(HttpAnswer answer) => (answer.Problem.Status, answer.Problem.Code);

    private Task<HttpAnswer> AskAsync(string body, params (string, string)[] headers) =>
        _host.SendAsync(HttpMethod.Post, Path, userId: null, body, [("X-Api-Key", Key), .. headers]);
}
