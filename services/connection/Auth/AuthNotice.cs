using Microsoft.Extensions.Options;

namespace Tertulia.Connections.Auth;

/// <summary>Says at the start what the configuration leaves open.</summary>
internal sealed partial class AuthNotice(IOptions<AuthOptions> options, ILogger<AuthNotice> logger) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        string[] unset = options.Value.Mode == AuthMode.Jwt
            ? [.. options.Value.Issuer is null ? ["Auth:Issuer"] : Array.Empty<string>(), .. options.Value.Audience is null ? ["Auth:Audience"] : Array.Empty<string>()]
            : [];
        if (unset.Length > 0)
        {
            LogUnset(string.Join(" and ", unset));
        }

        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Keys} not set: a token that the same keys signed for another product is accepted here")]
    private partial void LogUnset(string keys);
}
