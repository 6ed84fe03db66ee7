using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Tertulia.Gateway.Tests;

/// <summary>Keeps what a process would write to its log.</summary>
internal sealed class QueueLog : ILoggerProvider
{
    private readonly ConcurrentQueue<string> _lines = [];

    /// <summary><c>Level Category: message and exception</c>, from Warning on.</summary>
    public IReadOnlyCollection<string> Lines => _lines;

    public ILogger CreateLogger(string categoryName) => new Writer(this, categoryName);

    public void Dispose()
    {
    }

    private sealed class Writer(QueueLog log, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                log._lines.Enqueue($"{logLevel} {category}: {formatter(state, exception)} {exception}");
            }
        }
    }
}
