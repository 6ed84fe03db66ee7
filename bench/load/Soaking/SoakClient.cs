using System.Collections.Concurrent;
using System.Globalization;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;

namespace Tertulia.Load.Soaking;

/// <summary>One user of the soak: one socket, a few rooms, the last messages of each. Frames are counted, not kept.</summary>
/// <param name="doors">Each connection takes the next one.</param>
/// <param name="user">Number of the user.</param>
/// <param name="rooms">Ids of its rooms.</param>
/// <param name="tally">Where it is counted.</param>
internal sealed class SoakClient(IReadOnlyList<Uri> doors, int user, IReadOnlyList<string> rooms, SoakTally tally) : IAsyncDisposable
{
    private const int Remembered = 20;
    private const int BufferBytes = 4 * 1024;
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    private readonly Random _random = new(user);
    private readonly Dictionary<string, RoomMemory> _memories = rooms.ToDictionary(room => room, _ => new RoomMemory(), StringComparer.Ordinal);
    private readonly CancellationTokenSource _stop = new();
    private ClientWebSocket _socket = new();
    private Task _reading = Task.CompletedTask;
    private bool _leaves;
    private int _number;

    /// <summary>Opens a connection and enters all rooms, where it was by the position it had.</summary>
    public async Task ConnectAsync()
    {
        var door = doors[_random.Next(doors.Count)];
        _socket = new ClientWebSocket();
        _leaves = false;
        using var deadline = new CancellationTokenSource(Deadline);
        await _socket.ConnectAsync(new Uri($"ws://{door.Authority}/ws?user_id=soak-{user}&username=soak-{user}"), deadline.Token);
        _reading = ReadAsync(_socket);
        foreach (var room in rooms)
        {
            await EnterAsync(room);
        }
    }

    /// <summary>Does one thing.</summary>
    public async Task DoAsync(SoakDeed deed)
    {
        var room = rooms[_random.Next(rooms.Count)];
        var memory = _memories[room];
        tally.Did(deed);
        switch (deed)
        {
            case SoakDeed.Reconnect:
                await CloseAsync();
                await ConnectAsync();
                break;
            case SoakDeed.Leave:
                await SendAsync("\"type\":\"leave\"", room);
                await EnterAsync(room);
                break;
            case SoakDeed.Message:
                var id = string.Create(CultureInfo.InvariantCulture, $"{user}-{++_number}");
                await SendAsync($"\"type\":\"message\",\"client_msg_id\":\"{id}\",\"content\":\"What user {user} says for the {_number}th time, long enough for a sentence of a chat\"", room);
                break;
            case SoakDeed.Typing:
                await SendAsync("\"type\":\"typing\",\"is_typing\":true", room);
                break;
            case SoakDeed.History:
                await SendAsync("\"type\":\"history\",\"limit\":50", room);
                break;
            case SoakDeed.Read:
                await SendAsync(string.Create(CultureInfo.InvariantCulture, $"\"type\":\"read\",\"seq\":{Math.Max(1, memory.Seq)}"), room);
                break;
            case SoakDeed.React when memory.Any(_random) is { } message:
                await SendAsync($"\"type\":\"reaction_add\",\"message_id\":\"{message}\",\"emoji\":\"👍\"", room);
                break;
            case SoakDeed.Edit when memory.Own is { } message:
                await SendAsync($"\"type\":\"message_edit\",\"message_id\":\"{message}\",\"content\":\"Said better\"", room);
                break;
            case SoakDeed.Delete when memory.Own is { } message:
                memory.Own = null;
                await SendAsync($"\"type\":\"message_delete\",\"message_id\":\"{message}\"", room);
                break;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await CloseAsync();
        await _stop.CancelAsync();
        _stop.Dispose();
    }

    // What is done in a room waits until it was entered.
    private async Task EnterAsync(string room)
    {
        var memory = _memories[room];
        memory.Entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await SendAsync($"\"type\":\"join\"{memory.Since()}", room);
        await Task.WhenAny(memory.Entered.Task, _reading).WaitAsync(Deadline);
    }

    private async Task CloseAsync()
    {
        _leaves = true;
        using var deadline = new CancellationTokenSource(Deadline);
        try
        {
            await _socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, deadline.Token);
            await _reading.WaitAsync(deadline.Token);
        }
        catch (Exception ended) when (ended is WebSocketException or IOException or ObjectDisposedException or InvalidOperationException or OperationCanceledException)
        {
            tally.Complain($"user {user} could not leave: {ended.Message}");
        }

        _socket.Dispose();
    }

    private async Task SendAsync(string fields, string room)
    {
        using var deadline = new CancellationTokenSource(Deadline);
        try
        {
            await _socket.SendAsync(Encoding.UTF8.GetBytes($"{{{fields},\"room_id\":\"{room}\"}}").AsMemory(), WebSocketMessageType.Text, endOfMessage: true, deadline.Token);
        }
        catch (Exception ended) when (ended is WebSocketException or IOException or ObjectDisposedException or InvalidOperationException or OperationCanceledException)
        {
            tally.Complain($"user {user} could not send: {ended.Message}");
        }
    }

    private async Task ReadAsync(ClientWebSocket socket)
    {
        var buffer = new byte[BufferBytes];
        using var frame = new MemoryStream();
        try
        {
            while (true)
            {
                var part = await socket.ReceiveAsync(buffer.AsMemory(), _stop.Token);
                if (part.MessageType == WebSocketMessageType.Close)
                {
                    break;
                }

                frame.Write(buffer, 0, part.Count);
                if (part.EndOfMessage)
                {
                    Take(frame.GetBuffer().AsMemory(0, (int)frame.Length));
                    frame.SetLength(0);
                }
            }
        }
        catch (Exception ended) when (ended is WebSocketException or IOException or ObjectDisposedException or OperationCanceledException)
        {
            tally.Complain($"user {user}: the connection broke: {ended.Message}");
            return;
        }

        if (!_leaves)
        {
            tally.Complain($"user {user} was closed with {(int?)socket.CloseStatus} {socket.CloseStatusDescription}");
        }
    }

    private void Take(ReadOnlyMemory<byte> utf8)
    {
        using var document = JsonDocument.Parse(utf8);
        var root = document.RootElement;
        var type = root.GetProperty("type").GetString() ?? "";
        tally.Came(type);
        var memory = root.TryGetProperty("room_id", out var room) ? _memories.GetValueOrDefault(room.GetString() ?? "") : null;
        if (type == "error")
        {
            tally.Refused(root.GetProperty("data").GetProperty("name").GetString() ?? "");
        }
        else if (memory is not null)
        {
            var seq = root.TryGetProperty("seq", out var number) ? number.GetInt64() : 0;
            memory.Advance(seq, root.TryGetProperty("epoch", out var epoch) ? epoch.GetString() ?? "" : "");
            if (type == "joined")
            {
                memory.Entered.TrySetResult();
            }
            else if (type == "message")
            {
                var data = root.GetProperty("data");
                memory.Add(data.GetProperty("id").GetString()!, data.GetProperty("user_id").ToString() == $"soak-{user}");
            }
        }
    }

    /// <summary>What a client keeps of a room. The reading loop writes, the deeds read: a message more or less does not matter.</summary>
    private sealed class RoomMemory
    {
        private readonly ConcurrentQueue<string> _messages = [];
        private volatile string _epoch = "";
        private long _seq;

        public long Seq => Interlocked.Read(ref _seq);

        /// <summary>Completes when the room is entered.</summary>
        public TaskCompletionSource Entered { get; set; } = new();

        /// <summary>The last message of its own.</summary>
        public string? Own { get; set; }

        public string Since() => _epoch.Length == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $",\"since\":{{\"epoch\":\"{_epoch}\",\"seq\":{Seq}}}");

        public string? Any(Random random)
        {
            string[] known = [.. _messages];
            return known.Length == 0 ? null : known[random.Next(known.Length)];
        }

        public void Advance(long seq, string epoch)
        {
            if (seq > Seq)
            {
                Interlocked.Exchange(ref _seq, seq);
            }

            _epoch = epoch.Length > 0 ? epoch : _epoch;
        }

        public void Add(string messageId, bool isOwn)
        {
            _messages.Enqueue(messageId);
            while (_messages.Count > Remembered && _messages.TryDequeue(out _))
            {
                // Only the newest are talked about.
            }

            Own = isOwn ? messageId : Own;
        }
    }
}
