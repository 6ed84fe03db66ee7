using System.Collections.Concurrent;
using Tertulia.Link;

namespace Tertulia.Connections.Events;

/// <summary>A stretch of synchronous work that sends frames, often several to the same client: they leave when it ends, each client's in one write.</summary>
/// <remarks>
/// <para>To be begun where no lock is held, and never across an <c>await</c>. Within another one it does nothing. Frames that are sent outside of any leave
/// on a thread of the pool, because their sender may hold a room's lock.</para>
/// <para>The end writes on the spot. When there are many outboxes with sockets of their own, all but the last of them go to the pool in chunks: writing is
/// mostly system calls, and a room of a thousand should not wait for one core. What shares a way makes no system calls: all of it leaves in one at the end.</para>
/// </remarks>
internal readonly ref struct DeliveryBatch
{
    [ThreadStatic]
    private static Corked? t_current;

    private readonly Corked _corked;

    private DeliveryBatch(Corked corked) => _corked = corked;

    /// <summary>Begins one; its end is <see cref="Dispose"/>.</summary>
    public static DeliveryBatch Begin()
    {
        var corked = t_current ??= new Corked();
        corked.Depth++;
        return new DeliveryBatch(corked);
    }

    /// <summary>Flushes every outbox that was noted, unless an outer one does.</summary>
    public void Dispose()
    {
        if (--_corked.Depth > 0)
        {
            return;
        }

        t_current = null; // What a write may run on this thread has corks of its own.
        _corked.Flush();
        t_current = _corked;
    }

    /// <summary>The outbox has something to write; flushes it once, later. Any thread, any lock; allocates nothing.</summary>
    internal static void Note(Outbox outbox)
    {
        if (t_current is { Depth: > 0 } corked)
        {
            corked.Add(outbox);
        }
        else
        {
            ThreadPool.UnsafeQueueUserWorkItem(outbox, preferLocal: false);
        }
    }

    /// <summary>What one thread has noted.</summary>
    private sealed class Corked
    {
        private readonly List<Chunk> _full = [];
        private readonly Ways _ways = new();
        private Chunk? _last;

        public int Depth { get; set; }

        public void Add(Outbox outbox)
        {
            _last ??= Chunk.Rent();
            if (!_last.TryAdd(outbox))
            {
                _full.Add(_last);
                _last = Chunk.Rent();
                _last.TryAdd(outbox);
            }
        }

        public void Flush()
        {
            if (_last is not { } last)
            {
                return;
            }

            foreach (var chunk in _full)
            {
                if (Environment.ProcessorCount > 1 && !chunk.IsShared)
                {
                    ThreadPool.UnsafeQueueUserWorkItem(chunk, preferLocal: false);
                }
                else
                {
                    chunk.Flush(_ways);
                    chunk.Return();
                }
            }

            _full.Clear();
            _last = null;
            last.Flush(_ways);
            last.Return();
            _ways.Flush();
        }
    }

    /// <summary>Outboxes that one thread flushes.</summary>
    private sealed class Chunk : IThreadPoolWorkItem
    {
        private const int Size = 64; // Some hundreds of microseconds of writing: far more than it costs to wake a thread.

        private static readonly ConcurrentQueue<Chunk> Free = [];

        private readonly Outbox?[] _outboxes = new Outbox?[Size];
        private readonly Ways _ways = new();
        private int _count;

        public static Chunk Rent() => Free.TryDequeue(out var chunk) ? chunk : new Chunk();

        public bool TryAdd(Outbox outbox)
        {
            if (_count == Size)
            {
                return false;
            }

            _outboxes[_count++] = outbox;
            return true;
        }

        /// <summary>Whether the outboxes share ways, judged by the first: a node's clients come through gateways, or they do not.</summary>
        public bool IsShared => _outboxes[0] is { SharesWay: true };

        public void Flush(Ways ways)
        {
            foreach (var outbox in _outboxes.AsSpan(0, _count))
            {
                ways.Add(outbox!.Flush());
            }

            _outboxes.AsSpan(0, _count).Clear();
            _count = 0;
        }

        public void Return() => Free.Enqueue(this);

        void IThreadPoolWorkItem.Execute()
        {
            Flush(_ways);
            _ways.Flush();
            Return();
        }
    }

    /// <summary>What was written to and has to leave.</summary>
    private sealed class Ways
    {
        private readonly List<ISharedWay> _ways = []; // As many as there are gateways and links of each: few.

        public void Add(ISharedWay? way)
        {
            if (way is not null && !_ways.Contains(way))
            {
                _ways.Add(way);
            }
        }

        public void Flush()
        {
            foreach (var way in _ways)
            {
                way.Flush();
            }

            _ways.Clear();
        }
    }
}
