using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Options;

namespace Tertulia.Hosting;

/// <summary>Why a process cannot start: a sentence for the person who started it.</summary>
public sealed class StartupException : Exception
{
    /// <inheritdoc />
    public StartupException() { }

    /// <inheritdoc />
    public StartupException(string message) : base(message) { }

    /// <inheritdoc />
    public StartupException(string message, Exception innerException) : base(message, innerException) { }
}

/// <summary>Builds and runs a process. What a person can put right is said in sentences, without a stack.</summary>
public static class Startup
{
    private const string NotConverted = "Failed to convert configuration value"; // The binder has no exception type of its own.

    /// <summary>What every process is built from.</summary>
    /// <remarks>Files of the configuration are read once, at the start. Watching them for changes means watching the whole working folder, in which the data may
    /// lie: each write of the database would wake the process.</remarks>
    public static WebApplicationBuilder CreateBuilder(string[] args) => WebApplication.CreateBuilder(["--hostBuilder:reloadConfigOnChange=false", .. args]);

    /// <param name="build">Everything up to the running.</param>
    /// <returns>Exit code: 0 after a stop, 1 when it could not start.</returns>
    public static async Task<int> RunAsync(Func<WebApplication> build)
    {
        try
        {
            await using var app = build();
            Listeners.CheckFree(app.Configuration);
            await app.RunAsync();
            return 0;
        }
        catch (Exception exception) when (Sentences(exception) is { Length: > 0 } sentences)
        {
            // Options that depend on others repeat what is wrong with them.
            foreach (var sentence in sentences.Distinct(StringComparer.Ordinal))
            {
                await Console.Error.WriteLineAsync(sentence);
            }

            return 1;
        }
    }

    /// <summary>What to tell; empty when the exception is a bug.</summary>
    internal static string[] Sentences(Exception exception) => exception switch
    {
        OptionsValidationException invalid => [.. invalid.Failures.Select(failure => $"Bad configuration: {failure}")],
        AggregateException several => several.InnerExceptions.Select(Sentences).ToArray() is var all && all.All(one => one.Length > 0)
            ? [.. all.SelectMany(one => one)]
            : [],
        StartupException => [exception.Message],
        InvalidOperationException when exception.Message.StartsWith(NotConverted, StringComparison.Ordinal) => [$"Bad configuration: {exception.Message}"],
        IOException { InnerException: AddressInUseException } or AddressInUseException => [exception.Message],
        SocketException { SocketErrorCode: SocketError.AccessDenied or SocketError.AddressNotAvailable } => [$"The process cannot listen: {exception.Message}"],
        _ => [],
    };
}
