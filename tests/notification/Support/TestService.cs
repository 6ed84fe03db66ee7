using System.Net.Http.Headers;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Tertulia.Bus;
using Tertulia.Hosting;
using Tertulia.Notifications.Storage;
using Tertulia.Notifications.Storage.Sql;
using Tertulia.Testing;

namespace Tertulia.Notifications.Tests.Support;

/// <summary>The notification service in this process, with real HTTP, a SQLite file of its own, and the in-process bus unless the settings name a broker.</summary>
internal sealed class TestService : IAsyncDisposable
{
    private const string Secret = "0123456789abcdef0123456789abcdef";

    private readonly WebApplication _app;
    private readonly string _folder;
    private readonly bool _ownsFolder;

    private TestService(WebApplication app, string folder, bool ownsFolder)
    {
        (_app, _folder, _ownsFolder) = (app, folder, ownsFolder);
        Http = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };
        Admin = new HttpClient { BaseAddress = Http.BaseAddress };
        Admin.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Secret);
    }

    /// <summary>A stranger.</summary>
    public HttpClient Http { get; }

    /// <summary>Somebody who knows the internal secret.</summary>
    public HttpClient Admin { get; }

    /// <summary>The store, for who looks into its tables.</summary>
    public SqlNotificationStore Sql => (SqlNotificationStore)Get<NotificationStore>();

    public T Get<T>()
        where T : notnull => _app.Services.GetRequiredService<T>();

    /// <summary>Starts it and waits until it is ready.</summary>
    /// <param name="register">Replaces parts.</param>
    /// <param name="folder">Data of an earlier one; null: a new folder, removed at the end.</param>
    /// <param name="settings"><c>Push:CollapseWindow=00:00:01</c>.</param>
    public static async Task<TestService> StartAsync(Action<IServiceCollection>? register = null, string? folder = null, params string[] settings)
    {
        var data = folder ?? Directory.CreateTempSubdirectory("tertulia-notification-").FullName;
        var builder = WebApplication.CreateBuilder(["--environment", Environments.Development]);
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["urls"] = $"http://127.0.0.1:{FreePorts.Next()}",
            ["Bus:Kind"] = "InProcess",
            ["Store:Kind"] = "Sqlite",
            ["Store:Path"] = Path.Combine(data, "tertulia.db"),
            ["Services:presence"] = $"http://127.0.0.1:{FreePorts.Next()}",
            ["Services:message"] = $"http://127.0.0.1:{FreePorts.Next()}",
            ["Internal:Secret"] = Secret,
            ["Egress:AllowHttp"] = "true",
            ["Egress:AllowedNetworks:0"] = "127.0.0.0/8",
            ["Jobs:LookEvery"] = "00:00:00.1",
        });
        builder.Configuration.AddInMemoryCollection(settings.Select(setting => setting.Split('=', 2)).ToDictionary(pair => pair[0], pair => (string?)pair[1]));
        builder.AddDefaults("notification");
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.Services.AddLiveBus().AddNotificationService();
        register?.Invoke(builder.Services);
        var app = builder.Build();
        app.MapDefaults();
        app.MapNotificationService();
        await app.StartAsync();
        var service = new TestService(app, data, folder is null);
        await Eventually.EqualsAsync(System.Net.HttpStatusCode.OK, async () => (await service.Http.GetAsync("/health/ready")).StatusCode);
        return service;
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        Admin.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
        if (_ownsFolder)
        {
            Directory.Delete(_folder, recursive: true);
        }
    }
}
