using System.Collections.Concurrent;
using Grpc.Core;

namespace Tertulia.Connections.Tests.Support;

/// <summary>The services behind gRPC as a test wants them: one delegate per method, unavailable where there is none.</summary>
internal sealed class ScriptedCalls : CallInvoker
{
    /// <summary>Everything that was asked.</summary>
    public ConcurrentQueue<object> Asked { get; } = [];

    /// <summary>Why a call is refused that has no answer.</summary>
    public RpcException? Refusal { get; set; }

    private readonly Dictionary<string, Func<object, Task<object>>> _methods = new(StringComparer.Ordinal);

    /// <summary>Answers all calls of a method from now on.</summary>
    public void On<TRequest, TResponse>(string method, Func<TRequest, Task<TResponse>> answer)
        where TRequest : class
        where TResponse : class
    {
        lock (_methods)
        {
            _methods[method] = async request => await answer((TRequest)request);
        }
    }

    /// <summary>Answers all calls of a method at once.</summary>
    public void On<TRequest, TResponse>(string method, Func<TRequest, TResponse> answer)
        where TRequest : class
        where TResponse : class => On<TRequest, TResponse>(method, request => Task.FromResult(answer(request)));

    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) => new(
            AnswerAsync<TResponse>(method.Name, request, options.CancellationToken),
            Task.FromResult(new Metadata()), () => Status.DefaultSuccess, () => [], () => { });

    public override TResponse BlockingUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) => throw new NotSupportedException();

    public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) => throw new NotSupportedException();

    public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options) => throw new NotSupportedException();

    public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options) => throw new NotSupportedException();

    private async Task<TResponse> AnswerAsync<TResponse>(string method, object request, CancellationToken cancellationToken)
    {
        Asked.Enqueue(request);
        Func<object, Task<object>>? answer;
        lock (_methods)
        {
            answer = _methods.GetValueOrDefault(method);
        }

        if (answer is null)
        {
            throw Refusal ?? new RpcException(new Status(StatusCode.Unavailable, $"{method} has no answer in this test"));
        }

        try
        {
            return (TResponse)await answer(request).WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            throw new RpcException(new Status(StatusCode.Cancelled, "cancelled"));
        }
    }
}
