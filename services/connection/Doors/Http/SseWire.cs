using System.Text;
using System.Text.Json;
using Tertulia.Connections.Events;
using Tertulia.Contracts;
using Tertulia.Link;

namespace Tertulia.Connections.Doors.Http;

/// <summary>A stream of Server-Sent Events: what its outbox has, and then an <c>id</c> with the client's positions in all of its rooms, which a browser sends back as
/// <c>Last-Event-ID</c>.</summary>
/// <remarks>An <c>id</c> without data sets the position and shows nothing. It comes after the events it covers, so that a stream that is cut in between shows some of them
/// again and misses none. Written by one write at a time, as every wire.</remarks>
/// <param name="body">The response's.</param>
/// <param name="abort">Cuts it.</param>
/// <param name="format">Shared by all streams.</param>
/// <param name="positions">Those that the client came with.</param>
/// <param name="time">The clock.</param>
internal sealed class SseWire(Stream body, Action abort, SseFormat format, IReadOnlyList<(string RoomId, Position Position)> positions, TimeProvider time) : IWire
{
    private const int MaxIdBytesAtOnce = 256; // Longer ones come once a second at most.
    private static readonly TimeSpan LongIdInterval = TimeSpan.FromSeconds(1);

    private readonly SortedDictionary<string, Position> _positions =
        new(positions.ToDictionary(position => position.RoomId, position => position.Position, StringComparer.Ordinal), StringComparer.Ordinal);

    private long? _longIdAt;
    private bool _isDue;

    /// <summary>Called when the client has taken something: it is there.</summary>
    public Action? Taken { get; set; }

    public IWireFormat Format => format;

    public ISharedWay? Way => null;

    public async ValueTask WriteAsync(WriteBatch batch)
    {
        var isWhole = !batch.IsSlice;
        if (isWhole)
        {
            foreach (var piece in batch.Pieces.Span)
            {
                Note(piece.Span);
            }
        }

        var id = isWhole && _isDue ? Id() : null;
        ReadOnlyMemory<byte> bytes = id is null ? batch.ToBytes() : (byte[])[.. batch.ToBytes().Span, .. id];
        await body.WriteAsync(bytes, CancellationToken.None); // Flushes. Ended by abort.
        Taken?.Invoke();
    }

    public void Abort() => abort();

    /// <returns>Null when it has to wait: the next write, at the latest that of a heartbeat, brings it.</returns>
    private byte[]? Id()
    {
        var id = Encoding.ASCII.GetBytes($"id: {Positions.Write(_positions)}\n\n");
        if (id.Length > MaxIdBytesAtOnce)
        {
            if (_longIdAt is { } last && time.GetElapsedTime(last) < LongIdInterval)
            {
                return null;
            }

            _longIdAt = time.GetTimestamp();
        }

        _isDue = false;
        return id;
    }

    // What a frame says of a position is in its envelope, before `data`.
    private void Note(ReadOnlySpan<byte> piece)
    {
        if (!piece.StartsWith(SseFormat.Data))
        {
            return;
        }

        var json = new Utf8JsonReader(piece[SseFormat.Data.Length..]);
        string? roomId = null, epoch = null;
        long seq = 0;
        for (json.Read(); json.Read() && json.TokenType == JsonTokenType.PropertyName && !json.ValueTextEquals("data"u8);)
        {
            var (isRoom, isSeq, isEpoch) = (json.ValueTextEquals("room_id"u8), json.ValueTextEquals("seq"u8), json.ValueTextEquals("epoch"u8));
            json.Read();
            (roomId, epoch) = (isRoom ? json.GetString() : roomId, isEpoch ? json.GetString() : epoch);
            seq = isSeq ? json.GetInt64() : seq;
            json.Skip();
        }

        if (roomId is null || epoch is null || seq == 0)
        {
            return;
        }

        var known = _positions.GetValueOrDefault(roomId);
        if (known is null || known.Epoch != epoch || known.Seq < seq)
        {
            _positions[roomId] = new Position { Epoch = epoch, Seq = seq };
            _isDue = true;
        }
    }
}
