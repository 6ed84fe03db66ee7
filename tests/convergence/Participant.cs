using System.Collections.Concurrent;
using System.Globalization;
using System.Net.WebSockets;
using System.Text.Json;
using Tertulia.Testing;

namespace Tertulia.Convergence.Tests;

/// <summary>A client for many rooms as docs/protocol.md asks for: comes back, resumes by position, asks again what was not answered, and holds a model of each room.</summary>
/// <param name="cluster">Whose doors it takes, one after the other.</param>
/// <param name="userId">Development identity.</param>
/// <param name="rooms">Ids of the rooms that it is in.</param>
/// <param name="seed">Of its choices.</param>
internal sealed class Participant(ICluster cluster, string userId, IReadOnlyList<string> rooms, int seed) : IAsyncDisposable
{
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan GiveUpAfter = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    // Somebody else was faster, or has another role.
    private static readonly string[] Expected = ["message_not_found", "forbidden"];

    private readonly Random _random = new(seed);
    private readonly Lock _gate = new();
    private readonly Dictionary<string, RoomModel> _models = rooms.ToDictionary(room => room, _ => new RoomModel(), StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, TaskCompletionSource<Frame>> _asked = new(StringComparer.Ordinal);
    private ChatClient? _connection;
    private int _references;

    /// <summary>Who.</summary>
    public string UserId => userId;

    /// <summary>Does one thing, however many connections that takes.</summary>
    public async Task DoAsync(Step step)
    {
        var room = rooms[step.Room];
        switch (step.Deed)
        {
            case Deed.Cut:
                await CutAsync();
                break;
            case Deed.Leave:
                await AskAsync(room, "\"type\":\"leave\"");
                await EnterAsync(await ConnectedAsync(), room);
                break;
            case Deed.KillNode:
                await cluster.KillNodeAsync(step.Choice);
                break;
            case Deed.KillReplica:
                await cluster.KillReplicaAsync(step.Choice);
                break;
            default:
                if (FieldsOf(step, room) is { } fields)
                {
                    await AskAsync(room, fields);
                }

                break;
        }
    }

    /// <summary>Says something, and completes when it is durable.</summary>
    /// <returns>The message's id.</returns>
    public async Task<string> SayAsync(string room, string content) =>
        (await AskAsync(room, $"\"type\":\"message\",\"client_msg_id\":\"{content}\",\"content\":\"{content}\""))!.Text("message_id");

    /// <summary>Completes when it holds the message.</summary>
    public Task SeesAsync(string room, string messageId) => Eventually.EqualsAsync(true, async () =>
    {
        await ConnectedAsync(); // Whoever was cut comes back.
        return Held(room).Exists(message => message.Id == messageId);
    }, GiveUpAfter);

    /// <summary>What it holds of a room, all of it: what it never had is read.</summary>
    public async Task<string> DescribeAsync(string room)
    {
        while (true)
        {
            lock (_gate)
            {
                if (_models[room].IsWhole)
                {
                    return _models[room].Describe();
                }
            }

            await ReadOlderAsync(room);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_connection is { } connection)
        {
            await connection.DisposeAsync();
        }
    }

    private async Task CutAsync()
    {
        if (_connection is { } connection)
        {
            await connection.DisposeAsync();
        }
    }

    private List<ModelMessage> Held(string room)
    {
        lock (_gate)
        {
            return [.. _models[room].Messages];
        }
    }

    /// <returns>Null when there is nothing to do it to.</returns>
    private string? FieldsOf(Step step, string room)
    {
        var held = Held(room);
        if (step.Deed == Deed.Say)
        {
            return $"\"type\":\"message\",\"client_msg_id\":\"{userId}-{step.Number}\",\"content\":\"{userId} says {step.Number}\"";
        }

        if (held.Count == 0)
        {
            return null;
        }

        var message = held[step.Choice % held.Count];
        var emoji = (step.Choice % 3) switch { 0 => "👍", 1 => "🎉", _ => ":tada:" };
        return step.Deed switch
        {
            Deed.Reply => $"\"type\":\"message\",\"client_msg_id\":\"{userId}-{step.Number}\",\"reply_to\":\"{message.Id}\",\"content\":\"{userId} answers {step.Number}\"",
            Deed.Edit => $"\"type\":\"message_edit\",\"message_id\":\"{message.Id}\",\"content\":\"edited by {step.Number}\"",
            Deed.Delete => $"\"type\":\"message_delete\",\"message_id\":\"{message.Id}\"",
            Deed.React => $"\"type\":\"reaction_add\",\"message_id\":\"{message.Id}\",\"emoji\":\"{emoji}\"",
            Deed.Unreact => $"\"type\":\"reaction_remove\",\"message_id\":\"{message.Id}\",\"emoji\":\"{emoji}\"",
            Deed.Pin => $"\"type\":\"pin\",\"message_id\":\"{message.Id}\"",
            Deed.Unpin => $"\"type\":\"unpin\",\"message_id\":\"{message.Id}\"",
            Deed.Read => string.Create(CultureInfo.InvariantCulture, $"\"type\":\"read\",\"seq\":{message.Seq}"),
            _ => throw new InvalidOperationException($"{step.Deed} is no frame"),
        };
    }

    /// <summary>Asks until there is an answer that is not temporary. What was asked twice is the server's to recognise.</summary>
    /// <returns>The answer; also one of the errors that are part of a script.</returns>
    /// <exception cref="InvalidOperationException">It was another error.</exception>
    private async Task<Frame> AskAsync(string room, string fields)
    {
        using var deadline = new CancellationTokenSource(GiveUpAfter);
        while (true)
        {
            var answer = await TryAskAsync(await ConnectedAsync(), room, fields);
            if (answer is not null && !(answer.Type == "error" && answer.Flag("temporary")))
            {
                return answer.Type != "error" || Expected.Contains(answer.Text("name"), StringComparer.Ordinal)
                    ? answer
                    : throw new InvalidOperationException($"{userId}: {fields} in {room} was answered with {answer}");
            }

            deadline.Token.ThrowIfCancellationRequested();
            await RestAsync(answer is null ? Pause : TimeSpan.FromMilliseconds(Math.Max(50, answer.Number("retry_after_ms"))));
        }
    }

    /// <returns>Null when the connection ended first.</returns>
    private async Task<Frame?> TryAskAsync(ChatClient connection, string room, string fields)
    {
        var reference = string.Create(CultureInfo.InvariantCulture, $"q{Interlocked.Increment(ref _references)}");
        var answer = new TaskCompletionSource<Frame>(TaskCreationOptions.RunContinuationsAsynchronously);
        _asked[reference] = answer;
        try
        {
            await connection.SendAsync($"{{{fields},\"room_id\":\"{room}\",\"ref\":\"{reference}\"}}");
            await Task.WhenAny(answer.Task, connection.Closed).WaitAsync(AnswerWithin);
            return answer.Task.IsCompletedSuccessfully ? await answer.Task : null;
        }
        catch (Exception ended) when (ended is WebSocketException or IOException or ObjectDisposedException or InvalidOperationException or OperationCanceledException)
        {
            return null;
        }
        catch (TimeoutException late)
        {
            throw new TimeoutException($"{userId}: no answer to {fields}", late);
        }
        finally
        {
            _asked.TryRemove(reference, out _);
        }
    }

    /// <summary>The connection that stands; a new one, in all rooms, when there is none.</summary>
    private async Task<ChatClient> ConnectedAsync()
    {
        using var deadline = new CancellationTokenSource(GiveUpAfter);
        while (_connection is null || _connection.Closed.IsCompleted)
        {
            deadline.Token.ThrowIfCancellationRequested();
            ChatClient? connection = null;
            try
            {
                var door = cluster.Doors[_random.Next(cluster.Doors.Count)];
                connection = await ChatClient.ConnectAsync(door, $"/ws?user_id={userId}&username={userId}", new ChatClientOptions { OnFrame = OnFrame });
                await connection.WaitForAsync("connected");
                foreach (var room in rooms)
                {
                    await EnterAsync(connection, room);
                }

                _connection = connection;
            }
            catch (Exception refused) when (refused is WebSocketException or IOException or OperationCanceledException or HttpRequestException or TimeoutException)
            {
                if (connection is not null)
                {
                    await connection.DisposeAsync();
                }

                await RestAsync(Pause);
            }
        }

        return _connection;
    }

    private async Task EnterAsync(ChatClient connection, string room)
    {
        while (!connection.Closed.IsCompleted)
        {
            string since;
            lock (_gate)
            {
                var model = _models[room];
                since = model.Epoch.Length == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $",\"since\":{{\"epoch\":\"{model.Epoch}\",\"seq\":{model.Seq}}}");
            }

            // The model takes the greeting in OnFrame, before what follows it.
            if (await TryAskAsync(connection, room, $"\"type\":\"join\"{since}") is not { Type: "error" } answer)
            {
                return;
            }

            if (!answer.Flag("temporary"))
            {
                throw new InvalidOperationException($"{userId} may not enter {room}: {answer}");
            }

            await RestAsync(Pause);
        }
    }

    private async Task ReadOlderAsync(string room)
    {
        long first;
        lock (_gate)
        {
            first = _models[room].FirstSeq;
        }

        var page = await AskAsync(room, "\"type\":\"history\",\"limit\":100" + (first == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $",\"before_seq\":{first}")));
        if (page.Type != "history")
        {
            throw new InvalidOperationException($"{userId} cannot read {room}: {page}");
        }
    }

    private void OnFrame(ChatClient connection, Frame frame)
    {
        if (frame.Root.TryGetProperty("room_id", out var id) && id.GetString() is { } room)
        {
            lock (_gate)
            {
                if (_models.TryGetValue(room, out var model))
                {
                    Apply(model, frame);
                }
            }
        }

        if (frame.Ref.Length > 0 && _asked.TryGetValue(frame.Ref, out var asked))
        {
            asked.TrySetResult(frame);
        }
    }

    private static void Apply(RoomModel model, Frame frame)
    {
        switch (frame.Type)
        {
            case "joined":
                model.Greet(frame);
                break;
            case "history":
                model.Older(frame);
                break;
            case "gap":
                model.Clear();
                break;
            default:
                model.Apply(frame);
                break;
        }
    }

    private static async Task RestAsync(TimeSpan wait)
    {
        using var timer = new PeriodicTimer(wait);
        await timer.WaitForNextTickAsync();
    }
}
