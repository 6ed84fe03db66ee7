using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Primitives;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Link.Node;

/// <summary>A gateway's client as a request of this node: an extended CONNECT (RFC 8441), as if it had come over HTTP/2.</summary>
internal sealed class LinkedRequest :
    IFeatureCollection, IHttpRequestFeature, IHttpResponseFeature, IHttpExtendedConnectFeature, IHttpRequestLifetimeFeature, IHttpConnectionFeature,
    IHttpRequestIdentifierFeature, IHandover
{
    // What a request is made of, besides the body of its answer: this object, so that it is a small one.
    private static readonly Type[] Own =
    [
        typeof(IHttpRequestFeature), typeof(IHttpResponseFeature), typeof(IHttpExtendedConnectFeature), typeof(IHttpRequestLifetimeFeature),
        typeof(IHttpConnectionFeature), typeof(IHttpRequestIdentifierFeature), typeof(IHandover),
    ];

    private readonly LinkedClient _client;
    private List<(Func<object, Task> Callback, object State)>? _onStarting;
    private List<(Func<object, Task> Callback, object State)>? _onCompleted;
    private (Type Key, object Feature)[] _features = []; // Set by others: few.
    private StreamResponseBodyFeature? _body;
    private Func<UpgradedSocket, Task>? _carry;
    private Action? _end;
    private bool _accepted;

    /// <param name="client">Who asks.</param>
    /// <param name="connection">Id of the link's connection.</param>
    /// <param name="peer">The gateway.</param>
    /// <param name="open">What is asked.</param>
    public LinkedRequest(LinkedClient client, string connection, IPEndPoint? peer, LinkOpen open)
    {
        (_client, ConnectionId) = (client, connection);
        (RemoteIpAddress, RemotePort) = (peer?.Address, peer?.Port ?? 0);
        (Path, QueryString, RawTarget) = (open.Path, open.Query, open.Path + open.Query);
        foreach (var header in open.Headers)
        {
            Headers.Append(header.Name, header.Value);
        }

        Headers.Host = open.Host;
    }

    public string Protocol { get; set; } = HttpProtocol.Http2;

    public string Scheme { get; set; } = "http";

    public string Method { get; set; } = HttpMethods.Connect;

    public string PathBase { get; set; } = "";

    public string Path { get; set; }

    public string QueryString { get; set; }

    public string RawTarget { get; set; }

    public IHeaderDictionary Headers { get; set; } = new HeaderDictionary();

    Stream IHttpRequestFeature.Body { get; set; } = Stream.Null;

    public int StatusCode { get; set; } = StatusCodes.Status200OK;

    public string? ReasonPhrase { get; set; }

    IHeaderDictionary IHttpResponseFeature.Headers { get; set; } = new HeaderDictionary();

    Stream IHttpResponseFeature.Body { get; set; } = Stream.Null;

    public bool HasStarted => _accepted;

    public bool IsExtendedConnect => true;

    string? IHttpExtendedConnectFeature.Protocol => "websocket";

    public CancellationToken RequestAborted
    {
        get => _client.Aborted;
        set => throw new NotSupportedException();
    }

    public string ConnectionId { get; set; }

    public IPAddress? RemoteIpAddress { get; set; }

    public IPAddress? LocalIpAddress { get; set; }

    public int RemotePort { get; set; }

    public int LocalPort { get; set; }

    public string TraceIdentifier { get => field ??= $"{ConnectionId}:{_client.Client}:{Guid.CreateVersion7():N}"; set; }

    public bool IsReadOnly => false;

    public int Revision { get; private set; }

    public object? this[Type key]
    {
        get
        {
            foreach (var (set, feature) in _features)
            {
                if (set == key)
                {
                    return feature;
                }
            }

            return Array.IndexOf(Own, key) >= 0 ? this
                : key == typeof(InternalPeer) ? InternalPeer.Authenticated // The link is a gateway's: it has proved it.
                : key == typeof(IHttpResponseBodyFeature) ? _body ??= new StreamResponseBodyFeature(new MemoryStream())
                : null;
        }
        set => Set(key, value);
    }

    private IHttpResponseFeature Response => this;

    public bool IsTaken => _carry is not null;

    /// <summary>Runs the request until it is over: the client is refused, or was accepted and closed, or is taken.</summary>
    public async Task RunAsync(RequestDelegate application, IServiceScopeFactory scopes)
    {
        var failed = true;
        try
        {
            await application(new DefaultHttpContext(this) { ServiceScopeFactory = scopes });
            failed = false;
        }
        finally
        {
            await FinishAsync(failed);
        }
    }

    /// <summary>What goes on with a client that was taken, whatever became of the request; holds nothing of it. Null when the client was not taken.</summary>
    public Func<Task>? Carrier() => _carry is null ? null : Carrier(_client, _carry, _end);

    public void Take(Func<UpgradedSocket, Task> carry) => _carry = carry;

    public void PutOff(Action end) => _end += end;

    public void OnStarting(Func<object, Task> callback, object state) => (_onStarting ??= []).Add((callback, state));

    public void OnCompleted(Func<object, Task> callback, object state) => (_onCompleted ??= []).Add((callback, state));

    public void Abort() => _client.Abort();

    public async ValueTask<Stream> AcceptAsync()
    {
        await StartAsync();
        var accept = new LinkAccept { Client = _client.Client };
        accept.Headers.AddRange(ResponseHeaders());
        _client.Accept(accept);
        _accepted = true;
        return new LinkedStream(_client);
    }

    TFeature? IFeatureCollection.Get<TFeature>()
        where TFeature : default => (TFeature?)this[typeof(TFeature)];

    void IFeatureCollection.Set<TFeature>(TFeature? instance)
        where TFeature : default => this[typeof(TFeature)] = instance;

    public IEnumerator<KeyValuePair<Type, object>> GetEnumerator() =>
        _features.Select(feature => KeyValuePair.Create(feature.Key, feature.Feature)).Concat(Own.Select(key => KeyValuePair.Create(key, (object)this))).GetEnumerator();

    System.Collections.IEnumerator System.Collections.IEnumerable.GetEnumerator() => GetEnumerator();

    private static Func<Task> Carrier(LinkedClient client, Func<UpgradedSocket, Task> carry, Action? end) => async () =>
    {
        var failed = true;
        try
        {
            await carry(new UpgradedSocket(new LinkedStream(client), client.Abort, client.Aborted));
            failed = false;
        }
        finally
        {
            client.Close(failed);
            client.Release();
            end?.Invoke();
        }
    };

    private void Set(Type key, object? feature)
    {
        Revision++;
        var index = Array.FindIndex(_features, entry => entry.Key == key);
        if (feature is null)
        {
            _features = [.. _features.Where(entry => entry.Key != key)];
        }
        else if (index >= 0)
        {
            _features[index].Feature = feature;
        }
        else
        {
            _features = [.. _features, (key, feature)];
        }
    }

    private async Task FinishAsync(bool failed)
    {
        if (_accepted)
        {
            if (!IsTaken)
            {
                _client.Close(failed);
            }
        }
        else if (failed)
        {
            Refuse(StatusCodes.Status500InternalServerError, []);
        }
        else
        {
            await StartAsync();
            Refuse(StatusCode, await BodyAsync());
        }

        if (!IsTaken)
        {
            _client.Release();
        }

        for (var i = (_onCompleted?.Count ?? 0) - 1; i >= 0; i--)
        {
            await _onCompleted![i].Callback(_onCompleted[i].State);
        }
    }

    private async Task<byte[]> BodyAsync()
    {
        if (_body is null)
        {
            return [];
        }

        await _body.CompleteAsync();
        return ((MemoryStream)_body.Stream).ToArray();
    }

    private void Refuse(int status, ReadOnlySpan<byte> body)
    {
        var refuse = new LinkRefuse { Client = _client.Client, Status = (uint)status };
        refuse.Headers.AddRange(ResponseHeaders());
        refuse.Body = Google.Protobuf.ByteString.CopyFrom(body[..Math.Min(body.Length, LinkFormat.WindowBytes)]);
        _client.Refuse(refuse);
    }

    private async Task StartAsync()
    {
        for (var i = (_onStarting?.Count ?? 0) - 1; i >= 0; i--)
        {
            await _onStarting![i].Callback(_onStarting[i].State);
        }
    }

    private IEnumerable<LinkHeader> ResponseHeaders() =>
        from header in Response.Headers
        from value in header.Value
        where value is not null
        select new LinkHeader { Name = header.Key, Value = value };
}
