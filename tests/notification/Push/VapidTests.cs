using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.Extensions.Time.Testing;
using Tertulia.Notifications.Push;

namespace Tertulia.Notifications.Tests.Push;

public sealed class VapidTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 27, 8, 0, 0, TimeSpan.Zero);
    private readonly FakeTimeProvider _time = new(Now);

    [Fact]
    public void A_token_names_the_service_and_the_operator_and_is_signed_with_the_key_that_browsers_know()
    {
        var keys = VapidKeys.Generate();
        using var tokens = new VapidTokens(keys, "mailto:ops@example.org", _time);

        var value = tokens.Of(new Uri("https://push.example.net:8443/abc?d=1"));

        Assert.StartsWith("vapid t=", value, StringComparison.Ordinal);
        Assert.EndsWith($", k={keys.PublicKey}", value, StringComparison.Ordinal);
        var jwt = value["vapid t=".Length..value.IndexOf(',', StringComparison.Ordinal)].Split('.');
        var claims = JsonDocument.Parse(Base64Url.DecodeFromChars(jwt[1])).RootElement;
        Assert.Equal("https://push.example.net:8443", claims.GetProperty("aud").GetString());
        Assert.Equal("mailto:ops@example.org", claims.GetProperty("sub").GetString());
        Assert.InRange(claims.GetProperty("exp").GetInt64(), Now.AddHours(12).ToUnixTimeSeconds(), Now.AddHours(24).ToUnixTimeSeconds());
        using var key = ECDsa.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, Q = P256.Decode(Base64Url.DecodeFromChars(keys.PublicKey)) });
        Assert.True(key.VerifyData(System.Text.Encoding.ASCII.GetBytes($"{jwt[0]}.{jwt[1]}"), Base64Url.DecodeFromChars(jwt[2]), HashAlgorithmName.SHA256));
    }

    [Fact]
    public void A_token_is_used_for_twelve_hours_and_is_valid_as_long_as_it_is_used()
    {
        using var tokens = new VapidTokens(VapidKeys.Generate(), null, _time);
        var endpoint = new Uri("https://push.example.net/abc");

        var first = tokens.Of(endpoint);
        _time.Advance(TimeSpan.FromHours(12) - TimeSpan.FromSeconds(1));
        var late = tokens.Of(new Uri("https://push.example.net/another"));
        _time.Advance(TimeSpan.FromSeconds(1));
        var next = tokens.Of(endpoint);

        Assert.Equal(first, late);
        Assert.NotEqual(first, next);
        Assert.NotEqual(next, tokens.Of(new Uri("https://other.example.net/abc")));
    }

    [Fact]
    public void Only_a_pair_of_keys_is_taken_as_configuration()
    {
        var (mine, other) = (VapidKeys.Generate(), VapidKeys.Generate());

        Assert.True(VapidKeys.TryParse(mine.PublicKey, mine.PrivateKey, out var parsed));
        Assert.Equal(mine, parsed);
        Assert.False(VapidKeys.TryParse(mine.PublicKey, other.PrivateKey, out _));
        Assert.False(VapidKeys.TryParse("not a key", mine.PrivateKey, out _));
        Assert.DoesNotContain(mine.PrivateKey, mine.ToString(), StringComparison.Ordinal);
    }
}
