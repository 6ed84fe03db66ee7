using System.Reflection;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using Tertulia.Connections.Auth;

namespace Tertulia.Connections.StartPage;

/// <summary><c>/</c>: where to go from here, and in mode Development a chat of one room in plain HTML and JavaScript. In mode Jwt it says how to come with a token.</summary>
internal static class StartPages
{
    private const string Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private static readonly string[] Methods = [HttpMethods.Get, HttpMethods.Head];

    public static void Map(WebApplication app)
    {
        var isDevelopment = app.Services.GetRequiredService<IOptions<AuthOptions>>().Value.Mode == AuthMode.Development;
        Map(app, "/", isDevelopment ? "chat.html" : "token.html", "text/html; charset=utf-8");
        Map(app, "/start/chat.js", "chat.js", "text/javascript; charset=utf-8");
        Map(app, "/start/page.css", "page.css", "text/css; charset=utf-8");
        Map(app, "/start/icon.svg", "icon.svg", "image/svg+xml");
        Map(app, "/favicon.ico", "icon.svg", "image/svg+xml");
    }

    private static void Map(WebApplication app, string path, string file, string contentType)
    {
        var bytes = Read(file);
        app.MapMethods(path, Methods, context =>
        {
            var headers = context.Response.Headers;
            headers.ContentSecurityPolicy = Policy;
            headers.XContentTypeOptions = "nosniff";
            headers[HeaderNames.CacheControl] = "no-cache";
            headers["Referrer-Policy"] = "no-referrer";
            context.Response.ContentType = contentType;
            context.Response.ContentLength = bytes.Length;
            return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : context.Response.Body.WriteAsync(bytes, context.RequestAborted).AsTask();
        });
    }

    private static byte[] Read(string file)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(file) ?? throw new InvalidOperationException($"{file} is not embedded");
        using var bytes = new MemoryStream();
        stream.CopyTo(bytes);
        return bytes.ToArray();
    }
}
