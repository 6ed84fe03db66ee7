using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace Tertulia.Hosting;

/// <summary>The console, of warnings and errors only. The filters by category hold as well, which a filter of the console's own would take the place of.</summary>
[ProviderAlias("Console")]
internal sealed class ConsoleWarnings(ConsoleLoggerProvider console) : ILoggerProvider
{
    /// <summary>Takes the place of the console that is registered.</summary>
    public static void ReplaceConsole(IServiceCollection services)
    {
        services.Remove(services.Single(service => service.ImplementationType == typeof(ConsoleLoggerProvider)));
        services.AddSingleton<ConsoleLoggerProvider>();
        services.AddSingleton<ILoggerProvider, ConsoleWarnings>();
    }

    public ILogger CreateLogger(string categoryName) => new WarningLogger(console.CreateLogger(categoryName));

    public void Dispose()
    {
        // The container disposes the console.
    }

    private sealed class WarningLogger(ILogger inner) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => inner.BeginScope(state);

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning && inner.IsEnabled(logLevel);

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                inner.Log(logLevel, eventId, state, exception, formatter);
            }
        }
    }
}
