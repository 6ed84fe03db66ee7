using System.Collections.Concurrent;
using Grpc.Core;

namespace Tertulia.Feed.Tests;

/// <summary>What <c>echo.proto</c> promises. The header <c>x-text</c> and the bytes of <c>x-bytes-bin</c> come back as headers and as trailers.</summary>
internal sealed class EchoService(EchoService.Waits waits) : Echo.EchoBase
{
    /// <summary>Every kind of character that a status message has to escape.</summary>
    public const string FailureDetail = "100 % ñandú \U0001F426\nsecond line";

    public override async Task<Text> One(Text request, ServerCallContext context)
    {
        await ReturnMetadataAsync(context);
        return new Text { Value = await AnswerAsync(request.Value, context) };
    }

    public override async Task<Text> Collect(IAsyncStreamReader<Text> requestStream, ServerCallContext context)
    {
        var texts = new List<string>();
        await foreach (var text in requestStream.ReadAllAsync(context.CancellationToken))
        {
            texts.Add(text.Value);
        }

        return new Text { Value = string.Join(' ', texts) };
    }

    public override async Task Split(Text request, IServerStreamWriter<Text> responseStream, ServerCallContext context)
    {
        await ReturnMetadataAsync(context);
        foreach (var text in request.Value.Split(' '))
        {
            await responseStream.WriteAsync(new Text { Value = await AnswerAsync(text, context) }, context.CancellationToken);
        }
    }

    public override async Task Converse(
        IAsyncStreamReader<Text> requestStream, IServerStreamWriter<Text> responseStream, ServerCallContext context)
    {
        while (await requestStream.MoveNext())
        {
            await responseStream.WriteAsync(new Text { Value = requestStream.Current.Value.ToUpperInvariant() });
        }
    }

    private static async Task ReturnMetadataAsync(ServerCallContext context)
    {
        var headers = new Metadata();
        foreach (var entry in context.RequestHeaders.Where(entry => entry.Key is "x-text" or "x-bytes-bin"))
        {
            headers.Add(entry);
            context.ResponseTrailers.Add(entry);
        }

        var http = context.GetHttpContext();
        headers.Add("x-server", $"{http.Connection.LocalIpAddress}:{http.Connection.LocalPort}");

        // What the framework hides from a service: whether the request was compressed.
        headers.Add("x-request-encoding", http.Request.Headers["grpc-encoding"].ToString());
        await context.WriteResponseHeadersAsync(headers);
    }

    private async Task<string> AnswerAsync(string text, ServerCallContext context)
    {
        switch (text.Split(':'))
        {
            case ["fail"]:
                throw new RpcException(
                    new Status(StatusCode.FailedPrecondition, FailureDetail),
                    new Metadata { { "x-reason", "asked to" }, { "x-bytes-bin", [0, 127, 255] } });
            case ["wait", var name]:
                await waits.UntilCancelledAsync(name, context.CancellationToken);
                return "cancelled";
            case ["waited", var name]:
                await waits.UntilEndedAsync(name, context.CancellationToken);
                return "ended";
            default:
                return text;
        }
    }

    /// <summary>Calls that wait to be cancelled, by name, so that another call can see that the server has noticed.</summary>
    internal sealed class Waits
    {
        private readonly ConcurrentDictionary<string, TaskCompletionSource> _ended = new();

        public async Task UntilCancelledAsync(string name, CancellationToken cancellationToken)
        {
            var cancelled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            await using var registration = cancellationToken.Register(cancelled.SetResult);
            await cancelled.Task;
            Ended(name).SetResult();
        }

        public Task UntilEndedAsync(string name, CancellationToken cancellationToken) => Ended(name).Task.WaitAsync(cancellationToken);

        private TaskCompletionSource Ended(string name) =>
            _ended.GetOrAdd(name, _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
    }
}
