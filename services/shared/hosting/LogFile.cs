using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Tertulia.Hosting;

/// <summary>Writes log lines to <c>tertulia.log</c>, as the console shows them. At most two files of <see cref="LogOptions.FileBytes"/>.</summary>
/// <remarks>Written under a lock and at once: there is no line per message, and the last line before a crash is the one that is wanted.</remarks>
[ProviderAlias("File")]
internal sealed class LogFile(IOptions<LogOptions> options, TimeProvider time) : ILoggerProvider
{
    private const string OldFileName = "tertulia.old.log";

    private readonly Lock _lock = new();
    private FileStream? _file;
    private bool _isDisposed;

    public ILogger CreateLogger(string categoryName) => new CategoryLogger(this, categoryName);

    public void Dispose()
    {
        lock (_lock)
        {
            _isDisposed = true;
            _file?.Dispose();
        }
    }

    private void Write(string line)
    {
        var bytes = Encoding.UTF8.GetBytes(line);
        lock (_lock)
        {
            if (_isDisposed)
            {
                return;
            }

            try
            {
                _file ??= Open();
                if (_file.Length > 0 && _file.Length + bytes.Length > options.Value.FileBytes)
                {
                    _file.Dispose();
                    File.Move(PathOf(LogOptions.FileName), PathOf(OldFileName), overwrite: true);
                    _file = Open();
                }

                _file.Write(bytes);
                _file.Flush();
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                Console.Error.WriteLine($"The log file cannot be written ({exception.Message}): {line}");
            }
        }
    }

    private FileStream Open()
    {
        Directory.CreateDirectory(options.Value.Folder!);
        return new FileStream(PathOf(LogOptions.FileName), FileMode.Append, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete);
    }

    private string PathOf(string name) => Path.Combine(options.Value.Folder!, name);

    private sealed class CategoryLogger(LogFile file, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            var line = new StringBuilder()
                .Append(file.Now()).Append(' ').Append(NameOf(logLevel)).Append(": ").Append(category).Append('[')
                .Append(CultureInfo.InvariantCulture, $"{eventId.Id}] ").Append(formatter(state, exception));
            if (exception is not null)
            {
                line.Append(' ').Append(exception);
            }

            file.Write(line.Replace("\r", "").Replace('\n', ' ').Append('\n').ToString());
        }

        private static string NameOf(LogLevel level) => level switch
        {
            LogLevel.Trace => "trce",
            LogLevel.Debug => "dbug",
            LogLevel.Information => "info",
            LogLevel.Warning => "warn",
            LogLevel.Error => "fail",
            _ => "crit",
        };
    }

    private string Now() => time.GetUtcNow().ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);
}
