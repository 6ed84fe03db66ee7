using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Tertulia.Load.Wire;

/// <summary>Linux's readiness queue, used directly.</summary>
/// <remarks>The generator shares the machine with what it measures. One thread over epoll takes 2 to 3 µs of CPU per delivery;
/// <c>Socket</c>'s asynchronous calls, which hand each readiness to the thread pool, take several times that.</remarks>
internal sealed unsafe partial class Epoll : IDisposable
{
    public const uint In = 0x001;
    public const uint Out = 0x004;
    private const uint Error = 0x008;
    private const uint HangUp = 0x010;
    private const int Add = 1;
    private const int Modify = 3;
    private const int MaxEvents = 256;

    // struct epoll_event is packed on x86-64 only: 12 bytes there, 16 elsewhere.
    private static readonly int EventSize = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;
    private static readonly int TagOffset = EventSize - 8;
    private readonly int _descriptor = Native.Checked(EpollCreate(0));
    private readonly byte* _events = (byte*)NativeMemory.AllocZeroed((nuint)(MaxEvents * 16));

    /// <summary>Watches a descriptor; <paramref name="tag"/> comes back with each event.</summary>
    public void Watch(int descriptor, int tag, uint events) => Control(Add, descriptor, tag, events);

    /// <summary>Changes what a descriptor is watched for.</summary>
    public void Change(int descriptor, int tag, uint events) => Control(Modify, descriptor, tag, events);

    /// <summary>Waits for events.</summary>
    /// <param name="nanoseconds">At most this long; 0 only looks.</param>
    /// <returns>How many there are; read them with <see cref="Event"/>.</returns>
    public int Wait(long nanoseconds)
    {
        var timeout = new TimeSpec(nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
        var count = EpollWait(_descriptor, _events, MaxEvents, &timeout, null);
        return count < 0 && Marshal.GetLastPInvokeError() == Native.Interrupted ? 0 : Native.Checked(count);
    }

    /// <summary>One of the events of the last <see cref="Wait"/>.</summary>
    public (int Tag, bool Readable, bool Writable) Event(int index)
    {
        var entry = _events + index * EventSize;
        var events = Unsafe.ReadUnaligned<uint>(entry);
        return ((int)Unsafe.ReadUnaligned<long>(entry + TagOffset), (events & (In | Error | HangUp)) != 0, (events & Out) != 0);
    }

    public void Dispose()
    {
        NativeMemory.Free(_events);
        Native.Close(_descriptor);
    }

    private void Control(int operation, int descriptor, int tag, uint events)
    {
        var entry = stackalloc byte[16];
        Unsafe.WriteUnaligned(entry, events);
        Unsafe.WriteUnaligned(entry + TagOffset, (long)tag);
        Native.Checked(EpollControl(_descriptor, operation, descriptor, entry));
    }

    private readonly record struct TimeSpec(long Seconds, long Nanoseconds);

    [LibraryImport("libc", EntryPoint = "epoll_create1", SetLastError = true)]
    private static partial int EpollCreate(int flags);

    [LibraryImport("libc", EntryPoint = "epoll_ctl", SetLastError = true)]
    private static partial int EpollControl(int epoll, int operation, int descriptor, byte* entry);

    [LibraryImport("libc", EntryPoint = "epoll_pwait2", SetLastError = true)]
    private static partial int EpollWait(int epoll, byte* events, int maxEvents, TimeSpec* timeout, void* signalMask);
}
