using System.Buffers;
using System.Collections.Frozen;
using System.Diagnostics;
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
internal sealed class HttpCommands(FrameReader frames, IEnumerable<ICommandHandler> handlers)
{
    private static readonly byte[] NoBody = "{}"u8.ToArray();

    private readonly FrozenDictionary<Type, IRoomVerb> _verbs = handlers.OfType<IRoomVerb>().ToFrozenDictionary(verb => verb.Command);

    /// <summary>Reads a body as the fields of a frame: the same names, the same checks. No body is an object without fields.</summary>
    /// <param name="request">Its body is bounded by <see cref="HttpAccess"/>.</param>
    /// <param name="type">The frame's type (PROTOCOL §3).</param>
    /// <param name="roomId">The room of the path, whatever the body says.</param>
    /// <param name="path">A field that the path says, whatever the body says; null when there is none.</param>
    /// <param name="cancellationToken">The client went.</param>
    /// <exception cref="BadHttpRequestException">The body is too large, or not what was announced.</exception>
    public async Task<(TCommand? Command, Refused? Refused)> ReadAsync<TCommand>(
        HttpRequest request, string type, string roomId, (string Name, string Value)? path, CancellationToken cancellationToken)
        where TCommand : RoomCommand
    {
        var body = await ReadAsync(request, cancellationToken);
        if (body.Length > 0 && !request.HasJsonContentType())
        {
            return (null, new Refused(ErrorCode.BadRequest, "the body must be application/json"));
        }

        if (!Utf8.IsValid(body))
        {
            return (null, new Refused(ErrorCode.InvalidJson));
        }

        body = body.Length > 0 ? body : NoBody;
        var reading = frames.Read(path is var (name, value) ? With(body, name, value) : body, type);
        return reading.Command is TCommand command
            ? (command with { RoomId = roomId, Traceparent = Activity.Current?.Id ?? command.Traceparent ?? TraceparentOf(request) }, null)
            : (null, new Refused(reading.Error, reading.Detail));
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

    /// <inheritdoc cref="ReadAsync{TCommand}(HttpRequest, string, string, ValueTuple{string, string}?, CancellationToken)"/>
    public Task<(TCommand? Command, Refused? Refused)> ReadAsync<TCommand>(
        HttpRequest request, string type, string roomId, CancellationToken cancellationToken)
        where TCommand : RoomCommand => ReadAsync<TCommand>(request, type, roomId, path: null, cancellationToken);

    // Of a field that comes twice the last one counts. What is no object is refused when it is read.
    private static byte[] With(byte[] body, string name, string value)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                return body;
            }

            var buffer = new ArrayBufferWriter<byte>(body.Length + 64);
            using (var json = new Utf8JsonWriter(buffer, FrameJson.Options))
            {
                json.WriteStartObject();
                foreach (var field in document.RootElement.EnumerateObject())
                {
                    field.WriteTo(json);
                }

                json.WriteString(name, value);
                json.WriteEndObject();
            }

            return buffer.WrittenSpan.ToArray();
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return body; // Not JSON, or text that is none: the reader says so.
        }
    }

    private static async Task<byte[]> ReadAsync(HttpRequest request, CancellationToken cancellationToken)
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

    private static string? TraceparentOf(HttpRequest request) =>
        request.Headers.TraceParent.ToString() is { Length: > 0 } text && ActivityContext.TryParse(text, null, out _) ? text : null;

    private sealed class Outcome : IOutcomeSink
    {
        private readonly TaskCompletionSource<ServerEvent> _told = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<ServerEvent> Task => _told.Task;

        public void Tell(ServerEvent outcome) => _told.TrySetResult(outcome);
    }
}
