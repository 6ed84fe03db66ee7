using System.Net.Sockets;
using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Net.Client.Balancer;
using Grpc.Net.Client.Configuration;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Tertulia.Hosting;

/// <summary>Clients of the other services, from the framework's client factory.</summary>
/// <remarks>
/// <c>Services:{name}</c> says where: <c>http://host:port</c> (<c>https://</c> with <see cref="InternalTls"/>), several of them separated by <c>;</c> (each call goes to the next one that answers),
/// <c>dns:///name:port</c>, or <c>unix:/path</c> for a service in the same process.
/// </remarks>
public static class GrpcClients
{
    // Replies are cut at 1 MiB, but a single log entry goes whole: as large as the command that made it, 8 MiB at most. gRPC's default of 4 MiB would make a room
    // with such an entry unreadable.
    private const int MaxReplyBytes = 16 * 1024 * 1024;

    // A replica that came is found by this, one that went also by its lost connection. The library's own default is never.
    private static readonly TimeSpan LookUpEvery = TimeSpan.FromSeconds(15);

    // What fails because a replica has just gone is tried on another one. Deadlines are the callers', and bound all attempts together.
    private static readonly MethodConfig Retry = new()
    {
        Names = { MethodName.Default },
        RetryPolicy = new RetryPolicy
        {
            MaxAttempts = 4,
            InitialBackoff = TimeSpan.FromMilliseconds(50),
            MaxBackoff = TimeSpan.FromSeconds(1),
            BackoffMultiplier = 3,
            RetryableStatusCodes = { StatusCode.Unavailable },
        },
    };

    /// <summary>Registers the client of a service, once however many parts want it: a second registration would add to the first one, and each call would count
    /// twice. Every call carries this process's proof that it belongs to the cluster.</summary>
    /// <typeparam name="TClient">Generated from the proto file.</typeparam>
    /// <param name="services">Of the process.</param>
    /// <param name="service">Name in <c>Services:{name}</c>.</param>
    public static IServiceCollection AddServiceClient<TClient>(this IServiceCollection services, string service)
        where TClient : ClientBase
    {
        if (services.Any(known => known.ServiceType == typeof(TClient)))
        {
            return services;
        }

        if (!services.Any(known => known.ServiceType == typeof(ResolverFactory)))
        {
            services.AddSingleton<ResolverFactory>(provider => new StaticResolverFactory(uri => Targets(AddressOf(provider, uri.AbsolutePath.TrimStart('/')))));
            services.AddSingleton<ResolverFactory>(new DnsResolverFactory(LookUpEvery));
        }

        services.AddGrpcClient<TClient>((provider, options) => options.Address = ChannelAddress(AddressOf(provider, service), service))
            .ConfigureChannel((provider, channel) => Configure(channel, AddressOf(provider, service), provider.GetRequiredService<InternalTls>()))
            .ConfigurePrimaryHttpMessageHandler(provider => provider.GetRequiredService<InternalAuth>().Around(Handler(AddressOf(provider, service), provider.GetRequiredService<InternalTls>())))
            .AddInterceptor(static () => new RpcMeter())
            .RemoveAllLoggers();
        return services;
    }

    private static string AddressOf(IServiceProvider provider, string service) =>
        provider.GetRequiredService<IConfiguration>()[$"Services:{service}"]
        ?? throw new StartupException($"Services:{service} is not configured: the gRPC address of the {service} service.");

    private static Uri ChannelAddress(string address, string service) =>
        Listeners.IsUnix(address) ? new Uri("http://localhost")
        : address.StartsWith("dns:", StringComparison.Ordinal) ? new Uri(address)
        : new Uri($"static:///{service}");

    private static BalancerAddress[] Targets(string address) =>
        [.. Listeners.Addresses(address).Select(target => new Uri(target)).Select(uri => new BalancerAddress(uri.Host, uri.Port))];

    private static void Configure(GrpcChannelOptions channel, string address, InternalTls tls)
    {
        channel.Credentials = tls.IsOn && !Listeners.IsUnix(address) ? ChannelCredentials.SecureSsl : ChannelCredentials.Insecure;
        channel.MaxReceiveMessageSize = MaxReplyBytes;
        channel.ServiceConfig = new ServiceConfig { MethodConfigs = { Retry } };
        if (!Listeners.IsUnix(address))
        {
            channel.ServiceConfig.LoadBalancingConfigs.Add(new RoundRobinConfig());
        }
    }

    private static SocketsHttpHandler Handler(string address, InternalTls tls)
    {
        var handler = new SocketsHttpHandler { EnableMultipleHttp2Connections = true };
        if (!Listeners.IsUnix(address))
        {
            tls.Apply(handler);
        }
        else
        {
            var endPoint = new UnixDomainSocketEndPoint(address["unix:".Length..]);
            handler.ConnectCallback = (_, cancellationToken) => ConnectAsync(endPoint, cancellationToken);
        }

        return handler;
    }

    private static async ValueTask<Stream> ConnectAsync(UnixDomainSocketEndPoint endPoint, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(endPoint, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
