using Tertulia.Notifications.Push;
using Tertulia.Testing;

namespace Tertulia.Notifications.Tests.Push;

/// <summary>Browsers of the push endpoint as the service stores them.</summary>
internal static class Browsers
{
    /// <summary>A device subscribes.</summary>
    public static PushSubscription Subscribe(this PushEndpoint endpoint, string userId, string deviceId)
    {
        var browser = endpoint.NewBrowser(userId, deviceId);
        return new PushSubscription(browser.UserId, browser.DeviceId, browser.Endpoint, browser.Key, browser.Auth);
    }

    /// <summary>The browser's user takes the permission back.</summary>
    public static void Unsubscribe(this PushEndpoint endpoint, PushSubscription subscription) => endpoint.Unsubscribe(subscription.Endpoint);
}
