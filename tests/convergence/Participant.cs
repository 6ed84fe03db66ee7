using System.Collections.Concurrent;
using System.Globalization;
using System.Net.WebSockets;
using System.Text.Json;
using Tertulia.Testing;

namespace Tertulia.Convergence.Tests;

/// <summary>A client for many rooms as docs/protocol.md asks for: comes back, resumes by position, asks again what was not answered, and holds a model of each room.</summary>
/// <param name="cluster">Whose doors it takes, one after the other.</param>
/// <param name="userId">Development identity.</param>
/// <param name="users">All users of the script, the owner of the rooms first.</param>
/// <param name="rooms">Ids of the rooms that it is in.</param>
/// <param name="seed">Of its choices.</param>
internal sealed class Participant(ICluster cluster, string userId, string[] users, IReadOnlyList<string> rooms, int seed) : IAsyncDisposable
{
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan GiveUpAfter = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan ToldWithin = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    // Somebody else was faster, or has another role; who is no member gets no role.
    private static readonly string[] Expected = ["message_not_found", "forbidden", "not_member", "banned", "muted", "bad_request"];

    private readonly Random _random = new(seed);
    private readonly Lock _gate = new();
    private readonly Dictionary<string, RoomModel> _models = rooms.ToDictionary(room => room, _ => new RoomModel(userId), StringComparer.Ordinal);
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
                if (await AskAsync(room, "\"type\":\"leave\"") is { Type: "left" })
                {
                    await EnterAsync(await ConnectedAsync(), room);
                }

                break;
            case Deed.KillNode:
                await cluster.KillNodeAsync(step.Choice);
                break;
            case Deed.KillReplica:
                await cluster.KillReplicaAsync(step.Choice);
                break;
            case Deed.LeaveForGood when userId == users[0]:
                break; // Somebody owns the rooms.
            default:
                await ComeAsync(room);
                if (FieldsOf(step, room) is { } fields)
                {
                    await AskAsync(room, fields);
                }

                break;
        }
    }

    /// <summary>Comes into all rooms that let it in.</summary>
    public async Task ComeAsync()
    {
        foreach (var room in rooms)
        {
            await ComeAsync(room);
        }
    }

    /// <summary>Lets everybody in again, and speak. The owner does it.</summary>
    public async Task OpenAsync(string room)
    {
        await AskAsync(room, "\"type\":\"room_update\",\"kind\":\"public\",\"archived\":false");
        foreach (var user in users)
        {
            await AskAsync(room, $"\"type\":\"unban\",\"user_id\":\"{user}\"");
        }
    }

    /// <summary>Reads all of a room.</summary>
    public Task ReadAsync(string room, long seq) => AskAsync(room, string.Create(CultureInfo.InvariantCulture, $"\"type\":\"read\",\"seq\":{seq}"));

    /// <summary>Completes when it knows that all is read. Devices are told at most once: one that was not is told when it comes back.</summary>
    public async Task KnowsReadAsync(string room, long seq)
    {
        for (var comesBack = 0; ; comesBack++)
        {
            try
            {
                await Eventually.EqualsAsync((seq, 0L), async () =>
                {
                    await ConnectedAsync();
                    lock (_gate)
                    {
                        return _models[room].Mark;
                    }
                }, comesBack == 0 ? ToldWithin : GiveUpAfter);
                return;
            }
            catch (TimeoutException) when (comesBack == 0)
            {
                await CutAsync();
            }
        }
    }

    /// <summary>Its own place, and that of a user in the list of members as it holds it.</summary>
    public (string Own, string Listed) PlacesOf(string room, string user)
    {
        lock (_gate)
        {
            return (_models[room].Own.ToString(), _models[room].PlaceOf(user));
        }
    }

    /// <summary>Says something, and completes when it is durable.</summary>
    /// <returns>The message's id and seq.</returns>
    public async Task<(string Id, long Seq)> SayAsync(string room, string content)
    {
        await ComeAsync(room);
        var sent = await AskAsync(room, $"\"type\":\"message\",\"client_msg_id\":\"{content}\",\"content\":\"{content}\"");
        return (sent.Text("message_id"), sent.Number("seq"));
    }

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
                if (_models[room] is { IsWhole: true, HasMembers: true } model)
                {
                    return model.Describe();
                }
            }

            await ConnectedAsync();
            await ListMembersAsync(room);
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

        if (MemberFieldsOf(step) is { } fields)
        {
            return fields;
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
            Deed.MarkUnread => string.Create(CultureInfo.InvariantCulture, $"\"type\":\"mark_unread\",\"seq\":{message.Seq}"),
            _ => throw new InvalidOperationException($"{step.Deed} is no frame"),
        };
    }

    private string? MemberFieldsOf(Step step)
    {
        var other = users[(Array.IndexOf(users, userId) + 1 + (step.Choice % Math.Max(1, users.Length - 1))) % users.Length];
        return step.Deed switch
        {
            Deed.Kick or Deed.Ban or Deed.Unban or Deed.Mute or Deed.Unmute or Deed.Invite => To(step.Deed.ToString().ToLowerInvariant()),
            Deed.Revoke => To("invitation_revoke"),
            Deed.Add => To("member_add"),
            Deed.Remove => To("member_remove"),
            Deed.SetRole => To("member_role") + $",\"role\":\"{(step.Choice % 3) switch { 0 => "guest", 1 => "member", _ => "moderator" }}\"",
            Deed.LeaveForGood => $"\"type\":\"member_remove\",\"user_id\":\"{userId}\"",
            Deed.Accept => "\"type\":\"invitation_accept\"",
            Deed.Decline => "\"type\":\"invitation_decline\"",
            Deed.Update => "\"type\":\"room_update\"," + (step.Choice % 6) switch
            {
                0 => $"\"name\":\"name {step.Number}\"",
                1 => $"\"topic\":\"topic {step.Number}\"",
                2 => $"\"retention_days\":{1_000 + step.Number}",
                3 => $"\"archived\":{(step.Choice % 4 == 0 ? "true" : "false")}",
                4 => $"\"kind\":\"{(step.Choice % 4 == 0 ? "private" : "public")}\"",
                _ => $"\"community\":\"community-{step.Number}\",\"name\":\"\"",
            },
            _ => null,
        };

        string To(string type) => $"\"type\":\"{type}\",\"user_id\":\"{other}\"";
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

    private async Task ComeAsync(string room)
    {
        var connection = await ConnectedAsync();
        bool isIn;
        lock (_gate)
        {
            isIn = _models[room].IsIn;
        }

        if (!isIn)
        {
            await EnterAsync(connection, room); // Whoever was put out tries again.
        }
    }

    private async Task EnterAsync(ChatClient connection, string room)
    {
        lock (_gate)
        {
            _models[room].IsIn = false; // Of another connection.
        }

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
                await ListMembersAsync(connection, room);
                return;
            }

            if (!answer.Flag("temporary"))
            {
                if (Expected.Contains(answer.Text("name"), StringComparer.Ordinal))
                {
                    return; // It was put out.
                }

                throw new InvalidOperationException($"{userId} may not enter {room}: {answer}");
            }

            await RestAsync(Pause);
        }
    }

    private async Task ListMembersAsync(string room) => await ListMembersAsync(await ConnectedAsync(), room);

    // The model takes the page in OnFrame.
    private async Task ListMembersAsync(ChatClient connection, string room)
    {
        bool isListed;
        lock (_gate)
        {
            isListed = _models[room].HasMembers;
        }

        if (!isListed)
        {
            await TryAskAsync(connection, room, "\"type\":\"members\",\"limit\":200");
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
            case "members":
                model.List(frame);
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
