using Tertulia.Hosting;

namespace Tertulia.Link;

/// <summary>Lets what several links write leave together, at most once per delay while much comes and the CPU is short.</summary>
/// <remarks>One for all links of a gateway, because what leaves together arrives together: the message service, which gets it through all nodes, writes it at
/// once instead of once for each node. Any thread. Order of locks: output, pace.</remarks>
/// <param name="longest">See <see cref="Pacer"/>.</param>
/// <param name="time">The clock.</param>
/// <param name="cpu">How busy the machine is.</param>
public sealed class LinkPace(TimeSpan longest, TimeProvider time, CpuGauge cpu) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Pacer _pacer = new(longest, time, cpu);
    private readonly List<LinkOutput> _waiting = [];
    private ITimer? _timer;
    private bool _isDisposed;

    /// <inheritdoc />
    public void Dispose()
    {
        lock (_lock)
        {
            _isDisposed = true;
            _timer?.Dispose();
        }
    }

    /// <summary>Asks whether an output with something to write may write it now.</summary>
    /// <returns>True when not: <see cref="LinkOutput.FlushPutOff"/> will be called, once.</returns>
    internal bool PutsOff(LinkOutput output)
    {
        lock (_lock)
        {
            if (_isDisposed)
            {
                return false;
            }

            if (_waiting.Count == 0)
            {
                if (_pacer.Left is var left && left == TimeSpan.Zero)
                {
                    return false;
                }

                _timer ??= time.CreateTimer(static pace => ((LinkPace)pace!).Let(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
                _timer.Change(left, Timeout.InfiniteTimeSpan);
            }

            _waiting.Add(output);
            return true;
        }
    }

    /// <summary>An output writes.</summary>
    /// <param name="records">That go together.</param>
    internal void Took(int records)
    {
        lock (_lock)
        {
            _pacer.Took(records);
        }
    }

    private void Let()
    {
        LinkOutput[] leaving;
        lock (_lock)
        {
            leaving = [.. _waiting];
            _waiting.Clear();
        }

        foreach (var output in leaving)
        {
            output.FlushPutOff();
        }
    }
}
