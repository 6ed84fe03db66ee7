using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Tertulia.Hosting;

/// <summary>Proves to other processes of the cluster that this one belongs to it, and checks what others say.</summary>
/// <remarks>The proof is <c>Bearer</c> and the secret. It travels in <see cref="Header"/>, because <c>Authorization</c> of a forwarded request is the user's own; internal
/// callers that forward nothing (gRPC, a scraper of metrics) may send it as <c>Authorization</c>. Any thread.</remarks>
public sealed class InternalAuth
{
    /// <summary>The header of requests that a gateway forwards. A client's own is replaced there.</summary>
    public const string Header = "Internal-Authorization";

    private const string Scheme = "Bearer ";
    private const int GeneratedBytes = 32;
    private static readonly int MaxProofChars = Scheme.Length + InternalAuthOptionsRules.MaxChars;

    private readonly IOptions<InternalAuthOptions> _options;
    private readonly Lazy<string> _proof;
    private readonly Lazy<byte[][]> _accepted;

    /// <summary>Takes the configured secret, or makes one that only this process knows. When it is first needed: the start checks all options together, and says
    /// all bad keys at once.</summary>
    public InternalAuth(IOptions<InternalAuthOptions> options)
    {
        _options = options;
        _proof = new(() => Scheme + (options.Value.Secret.Length > 0 ? options.Value.Secret : RandomNumberGenerator.GetHexString(GeneratedBytes * 2)));
        _accepted = new(() => options.Value.AlsoAccepted.Length > 0 ? [Bytes(Proof), Bytes(Scheme + options.Value.AlsoAccepted)] : [Bytes(Proof)]);
    }

    /// <summary>What this process sends.</summary>
    public string Proof => _proof.Value;

    /// <summary>As in <see cref="InternalAuthOptions.OpenMetrics"/>.</summary>
    internal bool OpenMetrics => _options.Value.OpenMetrics;

    /// <summary>Whether the caller knows the secret. The time it takes says nothing about how much of it is right.</summary>
    public bool Accepts(ReadOnlySpan<byte> proof)
    {
        var accepted = false;
        foreach (var expected in _accepted.Value)
        {
            accepted |= CryptographicOperations.FixedTimeEquals(proof, expected);
        }

        return accepted;
    }

    /// <summary>Whether a request carries the secret, in either header.</summary>
    public bool Accepts(HttpRequest request) => Accepts(request.Headers[Header].ToString()) || Accepts(request.Headers.Authorization.ToString());

    /// <summary>A handler for calls to other processes of the cluster, around another one.</summary>
    public DelegatingHandler Around(HttpMessageHandler inner) => new SendingHandler(this) { InnerHandler = inner };

    private bool Accepts(string proof)
    {
        if (proof.Length == 0 || proof.Length > MaxProofChars)
        {
            return false;
        }

        Span<byte> bytes = stackalloc byte[MaxProofChars * 3]; // UTF-8: at most three bytes for each character.
        return Accepts(bytes[..Encoding.UTF8.GetBytes(proof, bytes)]);
    }

    private static byte[] Bytes(string proof) => Encoding.UTF8.GetBytes(proof);

    private sealed class SendingHandler(InternalAuth auth) : DelegatingHandler
    {
        private AuthenticationHeaderValue? _proof;

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            request.Headers.Authorization = _proof ??= AuthenticationHeaderValue.Parse(auth.Proof);
            return base.SendAsync(request, cancellationToken);
        }
    }
}

/// <summary>A feature of requests that came from another process of the cluster, which has proved it: what it says of its clients is believed.</summary>
public sealed class InternalPeer
{
    /// <summary>The only one: it says nothing but that it is there.</summary>
    public static readonly InternalPeer Authenticated = new();

    private InternalPeer()
    {
    }

    /// <summary>Whether a request came from one.</summary>
    public static bool Sent(HttpContext context) => context.Features.Get<InternalPeer>() is not null;
}

/// <summary>Puts the check before everything else.</summary>
public static class InternalAuthSetup
{
    /// <summary>What a gateway says of its clients to the nodes; anybody else's word is removed.</summary>
    public const string GatewayIdHeader = "X-Gateway-Id";

    // Exactly these spellings: orchestrators and gateways ask them before anybody has a secret.
    private static readonly string[] Probes = ["/health/live", "/health/ready"];

    /// <summary>Registers options and check.</summary>
    internal static IServiceCollection AddInternalAuth(this IServiceCollection services)
    {
        services.AddSingleton<IValidateOptions<InternalAuthOptions>, InternalAuthOptionsRules>();
        services.AddOptions<InternalAuthOptions>().BindConfiguration(InternalAuthOptions.Section).ValidateOnStart();
        services.AddSingleton<InternalAuth>();
        services.AddSingleton<IValidateOptions<InternalTlsOptions>, InternalTlsOptionsRules>();
        services.AddOptions<InternalTlsOptions>().BindConfiguration(InternalTlsOptions.Section).ValidateOnStart();
        services.AddSingleton<InternalTls>();
        services.AddSingleton<IStartupFilter, FirstInPipeline>();
        return services;
    }

    /// <summary>Requires the secret on <c>urls</c>, too, unless <c>Internal:OpenMetrics</c> says otherwise. For <c>/metrics</c>.</summary>
    public static TBuilder RequireInternalSecret<TBuilder>(this TBuilder endpoint)
        where TBuilder : IEndpointConventionBuilder
    {
        endpoint.Add(built =>
        {
            var next = built.RequestDelegate!;
            built.RequestDelegate = context =>
            {
                var auth = context.RequestServices.GetRequiredService<InternalAuth>();
                return auth.OpenMetrics || InternalPeer.Sent(context) || auth.Accepts(context.Request) ? next(context) : RefuseAsync(context);
            };
        });
        return endpoint;
    }

    /// <summary>Marks the connections of a listener as internal: every request needs the secret.</summary>
    internal static void UseInternalAuth(this ListenOptions listener) => listener.Use(next => connection =>
    {
        connection.Features.Set(InternalListener.Mark);
        return next(connection);
    });

    private static Task RefuseAsync(HttpContext context)
    {
        context.Response.StatusCode = StatusCodes.Status401Unauthorized;
        context.Response.Headers.WWWAuthenticate = "Bearer";
        return Task.CompletedTask; // No body: a stranger learns nothing of what is here.
    }

    /// <summary>The middleware. A filter, so that no host can forget it.</summary>
    private sealed class FirstInPipeline(InternalAuth auth) : IStartupFilter
    {
        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            app.Use(CheckAsync);
            next(app);
        };

        private Task CheckAsync(HttpContext context, RequestDelegate next)
        {
            var headers = context.Request.Headers;
            if (context.Features.Get<InternalListener>() is null)
            {
                headers.Remove(GatewayIdHeader);
                return next(context);
            }

            if (auth.Accepts(context.Request))
            {
                headers.Remove(InternalAuth.Header);
                context.Features.Set(InternalPeer.Authenticated);
                return next(context);
            }

            return Probes.Contains(context.Request.Path.Value, StringComparer.Ordinal) ? next(context) : RefuseAsync(context);
        }
    }

    private sealed class InternalListener
    {
        public static readonly InternalListener Mark = new();
    }
}
