using Microsoft.Extensions.Options;

namespace Tertulia.Connections.Auth;

/// <summary>What of the options depends on the environment, on files and on each other.</summary>
internal sealed class AuthRules(IHostEnvironment environment) : IValidateOptions<AuthOptions>
{
    public ValidateOptionsResult Validate(string? name, AuthOptions options)
    {
        if (options.Mode == AuthMode.Development && !environment.IsDevelopment())
        {
            return ValidateOptionsResult.Fail(
                $"Auth:Mode is Development, where anybody may be anybody, but the environment is {environment.EnvironmentName}. Set Auth:Mode to Jwt.");
        }

        if (options.JwksUrl is { } url && !(Uri.TryCreate(url, UriKind.Absolute, out var uri) && uri.Scheme is "https" or "http"))
        {
            return ValidateOptionsResult.Fail("Auth:JwksUrl is not an http(s) URL.");
        }

        if (options.ServiceKeys.Any(entry => ServiceKeys.Parse(entry) is null) || options.ServiceKeys.Select(ServiceKeys.Parse).DistinctBy(key => key?.Hash).Count() != options.ServiceKeys.Count)
        {
            return ValidateOptionsResult.Fail("Auth:ServiceKeys: an entry is not name:hash, with the SHA-256 of a key as 64 hexadecimal digits, or a key is there twice.");
        }

        try
        {
            StaticKeys.Load(options);
            return ValidateOptionsResult.Success;
        }
        catch (InvalidOperationException exception)
        {
            return ValidateOptionsResult.Fail(exception.Message);
        }
    }
}
