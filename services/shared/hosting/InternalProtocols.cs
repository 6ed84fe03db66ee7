using System.Buffers;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Tertulia.Hosting;

/// <summary>What is spoken on the internal port beside HTTP/2, and known by its first bytes.</summary>
public interface IInternalProtocol
{
    /// <summary>What the peer sends first.</summary>
    ReadOnlyMemory<byte> Preface { get; }

    /// <summary>Serves one connection, whose preface was read.</summary>
    Task ServeAsync(ConnectionContext connection);
}

/// <summary>Looks at the first bytes of each connection of the internal port.</summary>
internal static class InternalProtocols
{
    private static readonly TimeSpan PrefaceTimeout = TimeSpan.FromSeconds(10);

    public static void Use(ListenOptions options)
    {
        var protocols = options.ApplicationServices.GetServices<IInternalProtocol>().ToArray();
        if (protocols.Length > 0)
        {
            options.Use(next => connection => ServeAsync(connection, protocols, next));
        }
    }

    private static async Task ServeAsync(ConnectionContext connection, IInternalProtocol[] protocols, ConnectionDelegate next)
    {
        if (await FindAsync(connection, protocols) is { } protocol)
        {
            await protocol.ServeAsync(connection);
        }
        else
        {
            await next(connection); // HTTP/2 looks at the bytes again.
        }
    }

    private static async Task<IInternalProtocol?> FindAsync(ConnectionContext connection, IInternalProtocol[] protocols)
    {
        using var deadline = new CancellationTokenSource(PrefaceTimeout);
        await using var late = deadline.Token.UnsafeRegister(static connection => ((ConnectionContext)connection!).Abort(), connection);
        var input = connection.Transport.Input;
        while (true)
        {
            var read = await input.ReadAsync(CancellationToken.None);
            var (found, mayCome) = Find(read.Buffer, protocols);
            if (found is not null)
            {
                input.AdvanceTo(read.Buffer.GetPosition(found.Preface.Length));
                return found;
            }

            if (!mayCome || read.IsCompleted || read.IsCanceled)
            {
                input.AdvanceTo(read.Buffer.Start);
                return null;
            }

            input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    private static (IInternalProtocol? Found, bool MayCome) Find(ReadOnlySequence<byte> bytes, IInternalProtocol[] protocols)
    {
        var mayCome = false;
        foreach (var protocol in protocols)
        {
            var preface = protocol.Preface.Span;
            var length = (int)Math.Min(bytes.Length, preface.Length);
            if (bytes.Slice(0, length).ToArray().AsSpan().SequenceEqual(preface[..length]))
            {
                if (length == preface.Length)
                {
                    return (protocol, true);
                }

                mayCome = true;
            }
        }

        return (null, mayCome);
    }
}
