using Grpc.Core;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Notifications.Push;

/// <summary>The gRPC service: devices subscribe and unsubscribe.</summary>
internal sealed class PushGrpc(Vapid vapid, PushSubscriptions subscriptions) : PushService.PushServiceBase
{
    public override async Task<PushKey> GetKey(GetPushKeyRequest request, ServerCallContext context) =>
        new() { PublicKey = await vapid.PublicKeyAsync(context.CancellationToken) };

    public override async Task<SubscribePushReply> Subscribe(SubscribePushRequest request, ServerCallContext context)
    {
        var subscription = new PushSubscription(request.UserId, request.DeviceId, request.Endpoint, request.P256Dh, request.Auth);
        if (request.UserId.Length == 0 || subscriptions.Refusal(subscription) is not null)
        {
            throw RpcErrors.Refuse(ErrorCode.BadRequest, subscriptions.Refusal(subscription) ?? "user_id is needed");
        }

        await subscriptions.PutAsync(subscription, context.CancellationToken);
        return new SubscribePushReply();
    }

    public override async Task<ListSubscriptionsReply> ListSubscriptions(ListSubscriptionsRequest request, ServerCallContext context) => new()
    {
        Subscriptions =
        {
            (await subscriptions.OfAsync(request.UserId, context.CancellationToken))
                .Select(one => new ListedSubscription { DeviceId = one.DeviceId, Endpoint = one.Endpoint }),
        },
    };

    public override async Task<UnsubscribePushReply> Unsubscribe(UnsubscribePushRequest request, ServerCallContext context) =>
        PushSubscriptions.IsDevice(request.DeviceId)
            ? new UnsubscribePushReply { Unknown = !await subscriptions.RemoveAsync(request.UserId, request.DeviceId, context.CancellationToken) }
            : throw RpcErrors.Refuse(ErrorCode.BadRequest, $"device_id is 1 to {PushSubscriptions.MaxDeviceChars} characters");
}
