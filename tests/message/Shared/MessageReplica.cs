using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Tests;

/// <summary>The parts that replicas and nodes of one test share: the bus in this process and a SQLite file.</summary>
internal sealed class Backbone : IAsyncDisposable
{
    private readonly ServiceProvider _services;
    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"tertulia-messages-{Guid.NewGuid():N}");

    public Backbone()
    {
        Directory.CreateDirectory(_folder);
        _services = new ServiceCollection()
            .AddLogging()
            .AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection([new("Bus:Kind", "InProcess")]).Build())
            .AddSingleton(new ProcessIdentity("test"))
            .AddSingleton(TimeProvider.System)
            .AddLiveBus()
            .BuildServiceProvider();
    }

    public ILiveBus Bus => _services.GetRequiredService<ILiveBus>();

    public ISubmitQueue Queue => _services.GetRequiredService<ISubmitQueue>();

    public string StorePath => Path.Combine(_folder, "tertulia.db");

    public Task<TestNode> NodeAsync(string id) => TestNode.StartAsync(id, Bus, Queue);

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}

/// <summary>One process of the message service.</summary>
internal sealed class MessageReplica : IAsyncDisposable
{
    private readonly IHost _host;

    private MessageReplica(IHost host) => _host = host;

    public IServiceProvider Services => _host.Services;

    public IMessageStore Store => _host.Services.GetRequiredService<IMessageStore>();

    public T Get<T>() where T : notnull => _host.Services.GetRequiredService<T>();

    public static async Task<MessageReplica> StartAsync(
        Backbone backbone, TimeProvider? time = null, Dictionary<string, string?>? settings = null, Func<IMessageStore, IMessageStore>? store = null,
        Action<IServiceCollection>? services = null, Func<ILiveBus, ILiveBus>? bus = null)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Bus:Kind"] = "InProcess",
            ["Store:Kind"] = "Sqlite",
            ["Store:Path"] = backbone.StorePath,
            ["Store:Synchronous"] = "Normal",
            ["Store:CommandTimeout"] = "00:00:01",
        });
        builder.Configuration.AddInMemoryCollection(settings ?? []);
        builder.Logging.AddProvider(new FailureLog());
        builder.Services.AddMetrics();
        builder.Services.AddSingleton(new ProcessIdentity("message"));
        builder.Services.AddSingleton(time ?? TimeProvider.System);
        builder.Services.AddLiveBus().AddMessageService();
        builder.Services.AddSingleton(bus is null ? backbone.Bus : bus(backbone.Bus));
        builder.Services.AddSingleton(new PresenceService.PresenceServiceClient(new NoPresence()));
        services?.Invoke(builder.Services);
        builder.Services.AddSingleton(backbone.Queue);
        if (store is not null)
        {
            Decorate(builder.Services, store);
        }

        var host = builder.Build();
        await host.StartAsync();
        return new MessageReplica(host);
    }

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        await ((IAsyncDisposable)_host).DisposeAsync();
    }

    private static void Decorate(IServiceCollection services, Func<IMessageStore, IMessageStore> store)
    {
        var inner = services.Single(service => service.ServiceType == typeof(IMessageStore));
        services.Remove(inner);
        services.AddSingleton(provider => store((IMessageStore)inner.ImplementationFactory!(provider)));
    }

    /// <summary>Nothing below a warning.</summary>
    private sealed class FailureLog : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public void Dispose()
        {
        }

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                Console.WriteLine($"{logLevel}: {formatter(state, exception)} {exception}");
            }
        }
    }
}
