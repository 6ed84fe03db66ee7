using System.Buffers;
using Google.Protobuf;

namespace Tertulia.Link;

/// <summary>Writes the records of a link: what gathers while one write is under way goes out in the next one.</summary>
/// <remarks>
/// <para>Any thread may write records; nothing leaves before <see cref="Flush"/>, which writes on the caller's thread when no write is under way. None of it
/// waits or throws: when the connection fails, <see cref="Failed"/> is called once and everything after it is forgotten.</para>
/// <para>Payloads that are shared wait uncopied, each once for everybody who gets it.</para>
/// </remarks>
/// <param name="stream">The connection.</param>
/// <param name="pace">Lets data gather for a moment while much comes; null lets it go at once.</param>
public sealed class LinkOutput(Stream stream, LinkPace? pace = null) : ISharedWay
{
    /// <summary>Waiting bytes above which data is not taken any more: a peer that stops reading the whole link.</summary>
    private const int FullBytes = 1024 * 1024;
    private const int FirstBytes = 16 * 1024;

    /// <summary>Waiting bytes above which gathering more would save nothing.</summary>
    private const int EnoughBytes = 64 * 1024;
    private const int GroupsSearched = 16;
    private const int GroupsKept = 64;

    [ThreadStatic]
    private static LinkOutput? t_held;

    private readonly Lock _lock = new();
    private readonly List<Group> _groups = [];
    private readonly Stack<Group> _free = [];
    private byte[] _filling = [];
    private byte[] _leaving = [];
    private int _filled;
    private int _groupBytes;
    private long _lastGroup;
    private int _data; // Records since the last flush. Others do not count: windows come in bursts, without anybody sending more.
    private bool _isPutOff;
    private bool _isWriting;
    private bool _refused;
    private bool _ended;
    private Task _writing = Task.CompletedTask;

    /// <summary>Called once, on any thread, when a write has failed.</summary>
    public Action<Exception>? Failed { get; set; }

    /// <summary>Called on any thread when data is taken again after some was not.</summary>
    public Action? HasRoom { get; set; }

    /// <summary>Bytes that have not left. Those of records that are not data are not bounded here.</summary>
    public int WaitingBytes
    {
        get
        {
            lock (_lock)
            {
                return _filled + _groupBytes;
            }
        }
    }

    /// <summary>Puts off what this thread flushes until <see cref="Release"/>.</summary>
    public void Hold() => t_held = this;

    /// <summary>Flushes what was put off.</summary>
    public void Release()
    {
        t_held = null;
        Flush();
    }

    /// <summary>Writes data that is copied.</summary>
    /// <returns>False when too much waits; <see cref="HasRoom"/> will be called.</returns>
    public bool TryCopy(LinkLane lane, ReadOnlySpan<byte> payload)
    {
        lock (_lock)
        {
            if (IsFull())
            {
                return false;
            }

            if (!_ended)
            {
                WriteGroups(); // The lane may have data there.
                Span<uint> client = [lane.Client];
                WriteData(client, LinkFormat.VarintBytes(lane.Client), payload);
            }

            return true;
        }
    }

    /// <summary>Writes data whose bytes never change. Lanes that get the same bytes may get them in one record.</summary>
    /// <returns>False when too much waits; <see cref="HasRoom"/> will be called.</returns>
    public bool TryShare(LinkLane lane, ReadOnlyMemory<byte> payload)
    {
        lock (_lock)
        {
            if (IsFull())
            {
                return false;
            }

            if (!_ended)
            {
                var group = GroupOf(lane, payload);
                group.Add(lane.Client);
                lane.LastGroup = group.Number;
            }

            return true;
        }
    }

    /// <summary>Gives bytes back to the sender.</summary>
    public void Window(uint client, int bytes)
    {
        lock (_lock)
        {
            if (!_ended)
            {
                var length = 1 + LinkFormat.VarintBytes(client) + 1 + LinkFormat.VarintBytes((uint)bytes);
                var target = Begin(LinkRecordKind.Window, length);
                target = Number(target, 1, client);
                Number(target, 2, (uint)bytes);
            }
        }
    }

    /// <summary>The last word of a client, after all of its data.</summary>
    public void Close(uint client, bool aborted)
    {
        lock (_lock)
        {
            if (!_ended)
            {
                WriteGroups();
                var target = Begin(LinkRecordKind.Close, 1 + LinkFormat.VarintBytes(client) + (aborted ? 2 : 0));
                target = Number(target, 1, client);
                if (aborted)
                {
                    Number(target, 2, 1);
                }
            }
        }
    }

    /// <summary>Writes any other record.</summary>
    public void Write(LinkRecordKind kind, IMessage message)
    {
        lock (_lock)
        {
            if (!_ended)
            {
                message.WriteTo(Begin(kind, message.CalculateSize()));
            }
        }
    }

    /// <summary>Lets go what was written, at once or after the write that is under way.</summary>
    public void Flush()
    {
        if (t_held == this)
        {
            return;
        }

        lock (_lock)
        {
            if (_isWriting || _ended || (_filled == 0 && _groups.Count == 0) || IsPutOff())
            {
                return;
            }

            _isWriting = true;
        }

        BeginWrite();
    }

    /// <summary>What was put off is due.</summary>
    internal void FlushPutOff()
    {
        lock (_lock)
        {
            _isPutOff = false;
            Took();
            if (_isWriting || _ended || (_filled == 0 && _groups.Count == 0))
            {
                return; // The write under way takes it with it.
            }

            _isWriting = true;
        }

        BeginWrite();
    }

    /// <summary>Forgets what waits and takes nothing more.</summary>
    /// <returns>Completes when the write under way has ended; the connection is to be cut before.</returns>
    public Task EndAsync()
    {
        lock (_lock)
        {
            End();
            if (!_isWriting)
            {
                ReturnBuffers();
            }
        }

        return Volatile.Read(ref _writing);
    }

    private bool IsPutOff()
    {
        if (pace is null)
        {
            return false;
        }

        if (_filled + _groupBytes < EnoughBytes && (_isPutOff || pace.PutsOff(this)))
        {
            return _isPutOff = true;
        }

        Took();
        return false;
    }

    private void Took()
    {
        pace?.Took(_data);
        _data = 0;
    }

    private void BeginWrite()
    {
        var writing = WriteAsync();
        if (!writing.IsCompleted)
        {
            Volatile.Write(ref _writing, writing);
        }
    }

    private async Task WriteAsync()
    {
        try
        {
            while (TryTake(out var bytes))
            {
                await stream.WriteAsync(bytes, CancellationToken.None); // Ended when the connection is cut.
                if (TakeRoom())
                {
                    HasRoom?.Invoke();
                }
            }
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException or OperationCanceledException or InvalidOperationException)
        {
            lock (_lock)
            {
                End();
                _isWriting = false;
                ReturnBuffers();
            }

            Failed?.Invoke(exception);
        }
    }

    private bool TryTake(out ReadOnlyMemory<byte> bytes)
    {
        lock (_lock)
        {
            WriteGroups();
            if (_ended || _filled == 0)
            {
                bytes = default;
                _isWriting = false;
                ReturnBuffers();
                return false;
            }

            (_leaving, _filling) = (_filling, _leaving);
            bytes = _leaving.AsMemory(0, _filled);
            _filled = 0;
            return true;
        }
    }

    private bool TakeRoom()
    {
        lock (_lock)
        {
            var has = _refused && _filled + _groupBytes < FullBytes / 2;
            _refused &= !has;
            return has;
        }
    }

    private bool IsFull()
    {
        var full = _filled + _groupBytes >= FullBytes && !_ended;
        _refused |= full;
        return full;
    }

    /// <summary>The record that will hold these bytes for this lane: an open one with the same bytes after everything else that the lane gets, or a new one.</summary>
    private Group GroupOf(LinkLane lane, ReadOnlyMemory<byte> payload)
    {
        var oldest = Math.Max(0, _groups.Count - GroupsSearched);
        for (var i = _groups.Count - 1; i >= oldest && _groups[i].Number > lane.LastGroup; i--)
        {
            if (_groups[i].Payload.Equals(payload) && _groups[i].Count < LinkFormat.MaxReceivers)
            {
                return _groups[i];
            }
        }

        var group = _free.TryPop(out var free) ? free : new Group();
        (group.Payload, group.Number) = (payload, ++_lastGroup);
        _groups.Add(group);
        _groupBytes += payload.Length;
        return group;
    }

    private void WriteGroups()
    {
        foreach (var group in _groups)
        {
            WriteData(group.Clients, group.ClientsBytes, group.Payload.Span);
            group.Clear();
            if (_free.Count < GroupsKept)
            {
                _free.Push(group);
            }
        }

        _groups.Clear();
        _groupBytes = 0;
    }

    private void WriteData(ReadOnlySpan<uint> clients, int clientsBytes, ReadOnlySpan<byte> payload) =>
        LinkDataRecord.Write(Begin(LinkRecordKind.Data, LinkDataRecord.Bytes(clientsBytes, payload.Length)), clients, clientsBytes, payload);

    /// <summary>Writes tag and length.</summary>
    /// <returns>Where the body goes.</returns>
    private Span<byte> Begin(LinkRecordKind kind, int bytes)
    {
        var needed = _filled + 1 + LinkFormat.VarintBytes((uint)bytes) + bytes;
        if (needed > _filling.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(Math.Max(needed, FirstBytes), _filling.Length * 2));
            _filling.AsSpan(0, _filled).CopyTo(larger);
            Return(ref _filling);
            _filling = larger;
        }

        _data += kind == LinkRecordKind.Data ? 1 : 0;
        _filling[_filled++] = (byte)(((int)kind << 3) | 2);
        _filled += LinkFormat.WriteVarint(_filling.AsSpan(_filled), (uint)bytes);
        var body = _filling.AsSpan(_filled, bytes);
        _filled += bytes;
        return body;
    }

    private static Span<byte> Number(Span<byte> target, int field, uint value)
    {
        target[0] = (byte)(field << 3);
        return target[(1 + LinkFormat.WriteVarint(target[1..], value))..];
    }

    private void End()
    {
        _ended = true;
        _filled = 0;
        _groups.Clear();
        _free.Clear();
        _groupBytes = 0;
    }

    private void ReturnBuffers()
    {
        Return(ref _filling);
        Return(ref _leaving);
    }

    private static void Return(ref byte[] buffer)
    {
        if (buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(buffer);
            buffer = [];
        }
    }

    /// <summary>One data record that still takes receivers.</summary>
    private sealed class Group
    {
        private uint[] _clients = new uint[4];

        public ReadOnlyMemory<byte> Payload { get; set; }

        /// <summary>Rises in the order of the link.</summary>
        public long Number { get; set; }

        public int Count { get; private set; }

        public int ClientsBytes { get; private set; }

        public ReadOnlySpan<uint> Clients => _clients.AsSpan(0, Count);

        public void Add(uint client)
        {
            if (Count == _clients.Length)
            {
                Array.Resize(ref _clients, Count * 2);
            }

            _clients[Count++] = client;
            ClientsBytes += LinkFormat.VarintBytes(client);
        }

        public void Clear() => (Payload, Count, ClientsBytes) = (default, 0, 0);
    }
}
