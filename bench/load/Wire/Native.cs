using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Tertulia.Load.Wire;

/// <summary>The few system calls of a socket.</summary>
internal static unsafe partial class Native
{
    public const int Interrupted = 4;
    public const int WouldBlock = 11;
    private const int Internet = 2;
    private const int Stream = 1;
    private const int CloseOnExec = 0x80000;
    private const int NonBlocking = 0x800;
    private const int InProgress = 115;
    private const int DoNotWait = 0x40;
    private const int NoSignal = 0x4000;
    private const int LevelIp = 0;
    private const int LevelTcp = 6;
    private const int OptionNoDelay = 1;
    private const int OptionBindAddressNoPort = 24;

    /// <returns>The result, when it is not an error.</returns>
    /// <exception cref="Win32Exception">It is an error.</exception>
    public static int Checked(int result) => result >= 0 ? result : throw new Win32Exception(Marshal.GetLastPInvokeError());

    /// <summary>Begins to connect from one loopback address to a port of another; both are the last two bytes of 127.0.x.y. What is sent meanwhile would
    /// block, and a connection that cannot be made fails when it is read.</summary>
    public static int Connect(ushort source, ushort destination, ushort port)
    {
        var descriptor = Checked(OpenSocket(Internet, Stream | CloseOnExec | NonBlocking, 0));
        try
        {
            var on = 1;
            Checked(SetOption(descriptor, LevelTcp, OptionNoDelay, &on, sizeof(int)));
            // The port is then chosen on connecting, so that only the four addresses and ports together need to be unique.
            Checked(SetOption(descriptor, LevelIp, OptionBindAddressNoPort, &on, sizeof(int)));
            var address = SocketAddress.Loopback(source, 0);
            Checked(Bind(descriptor, &address, sizeof(SocketAddress)));
            address = SocketAddress.Loopback(destination, port);
            if (ConnectSocket(descriptor, &address, sizeof(SocketAddress)) < 0 && Marshal.GetLastPInvokeError() is var error and not InProgress)
            {
                throw new Win32Exception(error);
            }

            return descriptor;
        }
        catch
        {
            Close(descriptor);
            throw;
        }
    }

    /// <returns>Bytes received, 0 at the end, or -1: see <see cref="Marshal.GetLastPInvokeError"/>.</returns>
    public static int Receive(int descriptor, Span<byte> buffer)
    {
        fixed (byte* start = buffer)
        {
            return (int)ReceiveBytes(descriptor, start, buffer.Length, DoNotWait);
        }
    }

    /// <returns>Bytes sent, or -1: see <see cref="Marshal.GetLastPInvokeError"/>.</returns>
    public static int Send(int descriptor, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* start = bytes)
        {
            return (int)SendBytes(descriptor, start, bytes.Length, DoNotWait | NoSignal);
        }
    }

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    public static partial int Close(int descriptor);

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    private static partial int OpenSocket(int domain, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "setsockopt", SetLastError = true)]
    private static partial int SetOption(int descriptor, int level, int option, void* value, uint length);

    [LibraryImport("libc", EntryPoint = "bind", SetLastError = true)]
    private static partial int Bind(int descriptor, SocketAddress* address, int length);

    [LibraryImport("libc", EntryPoint = "connect", SetLastError = true)]
    private static partial int ConnectSocket(int descriptor, SocketAddress* address, int length);

    [LibraryImport("libc", EntryPoint = "recv", SetLastError = true)]
    private static partial nint ReceiveBytes(int descriptor, byte* buffer, nint length, int flags);

    [LibraryImport("libc", EntryPoint = "send", SetLastError = true)]
    private static partial nint SendBytes(int descriptor, byte* buffer, nint length, int flags);

    /// <summary><c>struct sockaddr_in</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct SocketAddress
    {
        public ushort Family;
        public byte PortHigh;
        public byte PortLow;
        public byte A;
        public byte B;
        public byte C;
        public byte D;
        public ulong Zero;

        public static SocketAddress Loopback(ushort host, ushort port) => new()
        {
            Family = Internet,
            PortHigh = (byte)(port >> 8),
            PortLow = (byte)port,
            A = 127,
            B = 0,
            C = (byte)(host >> 8),
            D = (byte)host,
        };
    }
}
