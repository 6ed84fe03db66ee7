using Microsoft.Extensions.Options;

namespace Tertulia.Connections.Auth;

internal static class AuthSetup
{
    private static readonly TimeSpan FetchTimeout = TimeSpan.FromSeconds(5);
    private const int MaxKeySetBytes = 256 * 1024;

    /// <summary>Tokens and keys.</summary>
    public static IServiceCollection AddAuth(this IServiceCollection services)
    {
        services.AddSingleton<IValidateOptions<AuthOptions>, AuthOptionsValidator>();
        services.AddSingleton<IValidateOptions<AuthOptions>, AuthRules>();
        services.AddOptions<AuthOptions>().BindConfiguration(AuthOptions.Section).ValidateOnStart();
        services.AddHttpClient(PublishedKeys.ClientName, client =>
        {
            client.Timeout = FetchTimeout;
            client.MaxResponseContentBufferSize = MaxKeySetBytes;
        });
        services.AddSingleton<PublishedKeys>();
        services.AddSingleton<SigningKeys>();
        services.AddSingleton<Revocations>();
        services.AddSingleton<TokenValidator>();
        services.AddSingleton<ServiceKeys>();
        services.AddSingleton<RequestIdentity>();
        services.AddHostedService<AuthNotice>();
        return services;
    }
}
