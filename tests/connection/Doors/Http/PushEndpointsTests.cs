using System.Text;
using System.Text.Json;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Tests.Doors.Http;

public sealed class PushEndpointsTests : IAsyncLifetime
{
    private readonly List<SubscribePushRequest> _subscribed = [];
    private readonly List<UnsubscribePushRequest> _unsubscribed = [];
    private HttpHost _host = null!;

    public async Task InitializeAsync()
    {
        _host = await HttpHost.StartAsync();
        _host.Calls.On<GetPushKeyRequest, PushKey>("GetKey", _ => new PushKey { PublicKey = "key" });
        _host.Calls.On<SubscribePushRequest, SubscribePushReply>("Subscribe", request =>
        {
            _subscribed.Add(request);
            return request.Auth.Length > 0 ? new SubscribePushReply() : throw RpcErrors.Refuse(ErrorCode.BadRequest, "keys.auth is not 16 bytes");
        });
        _host.Calls.On<UnsubscribePushRequest, UnsubscribePushReply>("Unsubscribe", request =>
        {
            _unsubscribed.Add(request);
            return new UnsubscribePushReply { Unknown = true };
        });
    }

    public async Task DisposeAsync() => await _host.DisposeAsync();

    [Fact]
    public async Task A_device_of_the_caller_is_subscribed_and_unsubscribed()
    {
        var token = _host.Token("ana");

        var key = await _host.SendRawAsync(HttpMethod.Get, "/api/v1/push/key", token);
        var put = await _host.SendRawAsync(
            HttpMethod.Put, "/api/v1/push/subscriptions", token, """{"device_id":"phone","endpoint":"https://p/1","expirationTime":null,"keys":{"p256dh":"k","auth":"a"}}"""u8.ToArray());
        var deleted = await _host.SendRawAsync(HttpMethod.Delete, "/api/v1/push/subscriptions?device_id=phone", token);

        Assert.Equal("""{"public_key":"key"}""", key.Body);
        Assert.Equal((200, """{"device_id":"phone"}"""), (put.Status, put.Body));
        Assert.Equal(new SubscribePushRequest { UserId = "ana", DeviceId = "phone", Endpoint = "https://p/1", P256Dh = "k", Auth = "a" }, Assert.Single(_subscribed));
        Assert.Equal((200, """{"device_id":"phone"}"""), (deleted.Status, deleted.Body));
        Assert.Equal(new UnsubscribePushRequest { UserId = "ana", DeviceId = "phone" }, Assert.Single(_unsubscribed));
    }

    [Theory]
    [InlineData("{", 40002)]
    [InlineData("[]", 40002)]
    [InlineData("""{"device_id":7}""", 40002)]
    [InlineData("{}", 40001)]
    [InlineData("null", 40001)]
    public async Task A_bad_body_is_refused(string body, int code)
    {
        var answer = await _host.SendRawAsync(HttpMethod.Put, "/api/v1/push/subscriptions", _host.Token("ana"), Encoding.UTF8.GetBytes(body));

        Assert.Equal(code, JsonDocument.Parse(answer.Body).RootElement.GetProperty("code").GetInt32());
    }

    [Fact]
    public async Task Nobody_subscribes_without_a_token() =>
        Assert.Equal(401, (await _host.SendRawAsync(HttpMethod.Get, "/api/v1/push/key", null)).Status);
}
