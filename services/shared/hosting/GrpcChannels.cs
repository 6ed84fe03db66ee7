using System.Net.Sockets;
using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Net.Client.Balancer;
using Grpc.Net.Client.Configuration;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Tertulia.Hosting;

/// <summary>One channel per service this process calls, kept for its life.</summary>
/// <remarks>
/// <c>Services:{name}</c> says where: <c>http://host:port</c>, several of them separated by <c>;</c> (each call goes to the next one that answers),
/// <c>dns:///name:port</c>, or <c>unix:/path</c> for a service in the same process.
/// </remarks>
public sealed class GrpcChannels(IConfiguration configuration, InternalAuth auth, ILoggerFactory loggers) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, GrpcChannel> _channels = [];

    /// <summary>The channel to a service.</summary>
    /// <exception cref="InvalidOperationException">The address is not configured.</exception>
    public GrpcChannel To(string service)
    {
        lock (_lock)
        {
            if (!_channels.TryGetValue(service, out var channel))
            {
                _channels[service] = channel = Open(service);
            }

            return channel;
        }
    }

    /// <inheritdoc />
    public void Dispose()
    {
        foreach (var channel in _channels.Values)
        {
            channel.Dispose();
        }
    }

    private GrpcChannel Open(string service)
    {
        var address = configuration[$"Services:{service}"]
            ?? throw new InvalidOperationException($"Services:{service} is not configured: the gRPC address of the {service} service.");
        if (address.StartsWith("unix:", StringComparison.Ordinal))
        {
            return OpenUnix(new UnixDomainSocketEndPoint(address["unix:".Length..]));
        }

        if (address.StartsWith("dns:", StringComparison.Ordinal))
        {
            return GrpcChannel.ForAddress(address, Options());
        }

        var targets = address.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(target => new Uri(target)).Select(uri => new BalancerAddress(uri.Host, uri.Port)).ToArray();
        var options = Options();
        options.ServiceProvider = new ServiceCollection()
            .AddSingleton<ResolverFactory>(new StaticResolverFactory(_ => targets)).BuildServiceProvider();
        return GrpcChannel.ForAddress($"static:///{service}", options);
    }

    private GrpcChannelOptions Options()
    {
        var retry = new MethodConfig
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
        return new GrpcChannelOptions
        {
            Credentials = ChannelCredentials.Insecure,
            HttpHandler = auth.Around(new SocketsHttpHandler { EnableMultipleHttp2Connections = true }),
            DisposeHttpClient = true,
            LoggerFactory = loggers,
            ServiceConfig = new ServiceConfig { LoadBalancingConfigs = { new RoundRobinConfig() }, MethodConfigs = { retry } },
        };
    }

    private GrpcChannel OpenUnix(UnixDomainSocketEndPoint endPoint)
    {
        var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellationToken) =>
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
            },
        };
        return GrpcChannel.ForAddress("http://localhost", new GrpcChannelOptions
        {
            HttpHandler = auth.Around(handler),
            DisposeHttpClient = true,
            LoggerFactory = loggers,
        });
    }
}
