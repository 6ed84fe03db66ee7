using System.Buffers;
using System.Collections.Frozen;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Verbs;
using Tertulia.Contracts;

namespace Tertulia.Connections.Doors.Http;

/// <summary>From a request's body to a command, and from the command to its outcome: the same commands and verbs as on a socket, without a session.</summary>
internal sealed class HttpCommands(FrameReader frames, NativeFormat format, IEnumerable<ICommandHandler> handlers)
{
    private static readonly byte[] NoBody = "{}"u8.ToArray();

    // Of a frame's envelope, beside its data.
    private static readonly string[] Envelope = ["room_id", "seq", "epoch"];

    private readonly FrozenDictionary<Type, IRoomVerb> _verbs = handlers.OfType<IRoomVerb>().ToFrozenDictionary(verb => verb.Command);

    /// <summary>Reads a body as the fields of a frame: the same names, the same checks. No body is an object without fields.</summary>
    /// <param name="request">Its body is bounded by <see cref="HttpAccess"/>.</param>
    /// <param name="type">The frame's type (PROTOCOL §3).</param>
    /// <param name="roomId">The room of the path, whatever the body says; null: that of the body.</param>
    /// <param name="cancellationToken">The client went.</param>
    /// <param name="path">Fields that the path names, whatever the body says.</param>
    /// <exception cref="BadHttpRequestException">The body is too large, or not what was announced.</exception>
    public async Task<(TCommand? Command, Refused? Refused)> ReadAsync<TCommand>(
        HttpRequest request, string type, string? roomId, CancellationToken cancellationToken, params (string Name, string Value)[] path)
        where TCommand : ClientCommand
    {
        var (body, refused) = await ReadBodyAsync(request, cancellationToken);
        return refused is null ? Read<TCommand>(body, type, roomId, path) : (null, refused);
    }

    /// <summary>As <see cref="ReadAsync{TCommand}"/>, of a body that was read already.</summary>
    public (TCommand? Command, Refused? Refused) Read<TCommand>(byte[] body, string type, string? roomId, params (string Name, string Value)[] path)
        where TCommand : ClientCommand
    {
        var reading = frames.Read(path.Length == 0 ? body : WithPath(body, path), type);
        if (reading.Command is not TCommand command)
        {
            return (null, new Refused(reading.Error, reading.Detail));
        }

        return (command is RoomCommand inRoom && roomId is not null ? (TCommand)(ClientCommand)(inRoom with { RoomId = roomId }) : command, null);
    }

    /// <summary>A body that is JSON as far as its bytes say; <c>{}</c> when there is none.</summary>
    public static async Task<(byte[] Body, Refused? Refused)> ReadBodyAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        var body = await ReadAllAsync(request, cancellationToken);
        return body switch
        {
            { Length: 0 } => (NoBody, null),
            _ when !request.HasJsonContentType() => (NoBody, new Refused(ErrorCode.BadRequest, "the body must be application/json")),
            _ when !Utf8.IsValid(body) => (NoBody, new Refused(ErrorCode.InvalidJson)),
            _ => (body, null),
        };
    }

    /// <summary>Gives a command to the room's writer and waits for its outcome.</summary>
    /// <param name="caller">Who gives it.</param>
    /// <param name="command">Names its room.</param>
    /// <param name="cancellationToken">Ends the waiting, not the command.</param>
    /// <returns>The acknowledgement, which means what it means on a socket: what it says is durable; or an <see cref="ErrorEvent"/>, <c>unavailable</c> when there is
    /// no outcome in time.</returns>
    public async Task<ServerEvent> RunAsync(Caller caller, RoomCommand command, CancellationToken cancellationToken)
    {
        var outcome = new Outcome();
        return _verbs[command.GetType()].Submit(caller, command.RoomId!, command, outcome) ?? await outcome.Task.WaitAsync(cancellationToken);
    }

    /// <summary>An outcome as an answer: the fields of the frame's <c>data</c>, and the room and the position of its envelope; a refusal as a problem.</summary>
    /// <param name="outcome">What a socket would be told.</param>
    /// <param name="location">Of what was created, which is 201; null: 200.</param>
    public IResult Answer(ServerEvent outcome, string? location = null)
    {
        if (outcome is ErrorEvent)
        {
            return Refused.Of(outcome);
        }

        using var frame = JsonDocument.Parse(WebSocketFrames.Payload(outcome.In(format).ToArray()).ToArray());
        return location is null ? HttpJson.Ok(Write) : HttpJson.Created(location, Write);

        void Write(Utf8JsonWriter json)
        {
            var hasData = frame.RootElement.TryGetProperty("data"u8, out var data);
            foreach (var field in Envelope)
            {
                if (frame.RootElement.TryGetProperty(field, out var value) && !(hasData && data.TryGetProperty(field, out _)))
                {
                    json.WritePropertyName(field);
                    value.WriteTo(json);
                }
            }

            foreach (var field in hasData ? data.EnumerateObject().ToArray() : [])
            {
                field.WriteTo(json);
            }
        }
    }

    // Of a field that comes twice the last one counts: the path's. What is no object is refused as it is.
    private static byte[] WithPath(byte[] body, (string Name, string Value)[] path)
    {
        var text = body.AsSpan().Trim(" \t\r\n"u8);
        if (text is not [(byte)'{', .., (byte)'}'])
        {
            return body;
        }

        var isEmpty = text[1..^1].Trim(" \t\r\n"u8).IsEmpty;
        var fields = new StringBuilder();
        foreach (var (name, value) in path)
        {
            fields.Append(fields.Length > 0 || !isEmpty ? "," : "").Append('"').Append(name).Append("\":\"").Append(JsonEncodedText.Encode(value)).Append('"');
        }

        return [.. text[..^1], .. Encoding.UTF8.GetBytes(fields.ToString()), (byte)'}'];
    }

    /// <summary>The bytes of a body.</summary>
    public static async Task<byte[]> ReadAllAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        while (true)
        {
            var read = await request.BodyReader.ReadAsync(cancellationToken);
            if (read.IsCompleted)
            {
                var body = read.Buffer.ToArray();
                request.BodyReader.AdvanceTo(read.Buffer.End);
                return body;
            }

            request.BodyReader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    private sealed class Outcome : IOutcomeSink
    {
        private readonly TaskCompletionSource<ServerEvent> _told = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<ServerEvent> Task => _told.Task;

        public void Tell(ServerEvent outcome) => _told.TrySetResult(outcome);
    }
}
