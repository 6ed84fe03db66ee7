using System.Net;

namespace Tertulia.Testing;

/// <summary>A client of a stream of Server-Sent Events, as a browser reads one.</summary>
public sealed class EventStreamReader : IAsyncDisposable
{
    private readonly HttpResponseMessage _response;
    private readonly StreamReader _lines;

    private EventStreamReader(HttpResponseMessage response, StreamReader lines) => (_response, _lines) = (response, lines);

    /// <summary>The last <c>id</c>; empty when none came.</summary>
    public string LastEventId { get; private set; } = "";

    /// <summary>Comments that came, such as heartbeats.</summary>
    public int Comments { get; private set; }

    /// <summary>Opens a stream.</summary>
    /// <exception cref="HttpRequestException">The answer is not a stream.</exception>
    public static async Task<EventStreamReader> OpenAsync(HttpClient client, HttpRequestMessage request)
    {
        var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        if (response.StatusCode != HttpStatusCode.OK || response.Content.Headers.ContentType?.MediaType != "text/event-stream")
        {
            var body = await response.Content.ReadAsStringAsync();
            response.Dispose();
            throw new HttpRequestException($"{response.StatusCode} {body}", null, response.StatusCode);
        }

        return new EventStreamReader(response, new StreamReader(await response.Content.ReadAsStreamAsync()));
    }

    /// <summary>The next event.</summary>
    /// <returns>Null when the stream has ended.</returns>
    public async Task<Frame?> NextAsync()
    {
        var data = "";
        while (await Eventually.CompletesAsync(_lines.ReadLineAsync(), "a line of the stream") is { } line)
        {
            switch (line)
            {
                case ['d', 'a', 't', 'a', ':', ..]:
                    data += line[5..].TrimStart();
                    break;
                case ['i', 'd', ':', ..]:
                    LastEventId = line[3..].TrimStart();
                    break;
                case [':', ..]:
                    Comments++;
                    break;
                case "" when data.Length > 0:
                    return Frame.Parse(data);
            }
        }

        return null;
    }

    /// <summary>The next event of a type.</summary>
    public async Task<Frame> NextAsync(string type)
    {
        while (await NextAsync() is { } frame)
        {
            if (frame.Type == type)
            {
                return frame;
            }
        }

        throw new TimeoutException($"Awaited {type}, but the stream has ended");
    }

    /// <summary>Reads until a condition holds, such as that an <c>id</c> came. Events before are passed over.</summary>
    public async Task UntilAsync(Func<EventStreamReader, bool> condition, string what)
    {
        while (!condition(this))
        {
            var line = await Eventually.CompletesAsync(_lines.ReadLineAsync(), what) ?? throw new TimeoutException($"Awaited {what}, but the stream has ended");
            LastEventId = line.StartsWith("id:", StringComparison.Ordinal) ? line[3..].TrimStart() : LastEventId;
            Comments += line.StartsWith(':') ? 1 : 0;
        }
    }

    public ValueTask DisposeAsync()
    {
        _lines.Dispose();
        _response.Dispose();
        return ValueTask.CompletedTask;
    }
}
