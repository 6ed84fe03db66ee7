using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.Net.Http.Headers;
using Tertulia.Connections.Doors.Native;
using Tertulia.Contracts;

namespace Tertulia.Connections.Doors.Http;

/// <summary>An answer of the HTTP API, written with what also writes the frames (<see cref="FrameJson"/>): the same fields on all doors.</summary>
/// <remarks>The answer to a GET has an <c>ETag</c> and is 304 for who holds it.</remarks>
internal sealed class HttpJson : IResult
{
    /// <summary>Bytes of a page of messages, about, before it is cut: then it says <c>has_more</c>.</summary>
    public const int MaxPageBytes = 256 * 1024;

    private const int HashBytes = 12;

    private readonly ArrayBufferWriter<byte> _json = new(1024);
    private readonly int _status;
    private readonly string? _location;

    private HttpJson(int status, string? location) => (_status, _location) = (status, location);

    /// <summary>200.</summary>
    /// <param name="write">Writes the fields of the answer's object.</param>
    public static HttpJson Ok(Action<Utf8JsonWriter> write) => Make(StatusCodes.Status200OK, null, write);

    /// <summary>201: something is durable that was not there before, or was there by the same request.</summary>
    /// <param name="location">Where it is.</param>
    /// <param name="write">Writes the fields of the answer's object.</param>
    public static HttpJson Created(string location, Action<Utf8JsonWriter> write) => Make(StatusCodes.Status201Created, location, write);

    /// <summary>202: it is on its way.</summary>
    /// <param name="write">Writes the fields of the answer's object.</param>
    public static HttpJson Accepted(Action<Utf8JsonWriter> write) => Make(StatusCodes.Status202Accepted, null, write);

    /// <summary>An answer that was given before.</summary>
    public static HttpJson Kept(KeptAnswer kept)
    {
        var answer = new HttpJson((int)kept.Status, kept.Location.Length > 0 ? kept.Location : null);
        answer._json.Write(kept.Json.Span);
        return answer;
    }

    /// <summary>The answer as it is kept.</summary>
    public KeptAnswer Keep() =>
        new() { Status = (uint)_status, Location = _location ?? "", Json = Google.Protobuf.UnsafeByteOperations.UnsafeWrap(_json.WrittenMemory) };

    /// <inheritdoc />
    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var (request, response) = (httpContext.Request, httpContext.Response);
        response.Headers[HeaderNames.CacheControl] = "private, no-cache";
        if (HttpMethods.IsGet(request.Method))
        {
            var tag = TagOf(_json.WrittenSpan);
            response.Headers.ETag = tag;
            if (Names(request.Headers.IfNoneMatch, tag))
            {
                response.StatusCode = StatusCodes.Status304NotModified;
                return;
            }
        }

        response.StatusCode = _status;
        response.Headers.Location = _location;
        response.ContentType = "application/json; charset=utf-8";
        response.ContentLength = _json.WrittenCount;
        await response.Body.WriteAsync(_json.WrittenMemory, httpContext.RequestAborted);
    }

    private static HttpJson Make(int status, string? location, Action<Utf8JsonWriter> write)
    {
        var answer = new HttpJson(status, location);
        using var json = new Utf8JsonWriter(answer._json, FrameJson.Options);
        json.WriteStartObject();
        write(json);
        json.WriteEndObject();
        return answer;
    }

    private static string TagOf(ReadOnlySpan<byte> json)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(json, hash);
        return $"\"{Base64Url.EncodeToString(hash[..HashBytes])}\"";
    }

    private static bool Names(Microsoft.Extensions.Primitives.StringValues header, string tag) =>
        EntityTagHeaderValue.TryParseList(header!, out var known) && known.Any(one => one.Tag == "*" || one.Tag == tag);
}
