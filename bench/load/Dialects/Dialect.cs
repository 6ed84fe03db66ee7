using Tertulia.Load.Traffic;

namespace Tertulia.Load.Dialects;

/// <summary>How one kind of server is spoken to. Stateless: one instance serves all clients.</summary>
internal abstract class Dialect
{
    /// <summary>Longest frame of ours around a text.</summary>
    protected const int MaxAround = 200;

    /// <summary>Path and query of the upgrade request.</summary>
    public abstract string Target(ChatClient client);

    /// <summary>The upgrade was accepted: opens the session and asks to join where the connect alone does not.</summary>
    public abstract void OnOpen(ChatClient client);

    /// <summary>A text message arrived.</summary>
    public abstract void OnText(ChatClient client, ReadOnlySpan<byte> payload);

    /// <summary>Sends a message to the client's room.</summary>
    /// <param name="client">The sender.</param>
    /// <param name="number">Its number among the sender's messages.</param>
    /// <param name="text">The text; needs no escaping.</param>
    public abstract void SendMessage(ChatClient client, int number, ReadOnlySpan<byte> text);

    /// <summary>Joins a further room on a connection that has one.</summary>
    /// <exception cref="NotSupportedException">Nothing that is measured needs it of this server.</exception>
    public virtual void JoinFurther(ChatClient client) => throw new NotSupportedException($"{GetType().Name} has one room per connection");

    /// <summary>Called every 10 seconds.</summary>
    public virtual void KeepAlive(ChatClient client)
    {
    }

    /// <summary>Appends bytes and moves on.</summary>
    protected static void Put(ref Span<byte> rest, ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(rest);
        rest = rest[bytes.Length..];
    }

    /// <summary>Appends ASCII text and moves on.</summary>
    protected static void Put(ref Span<byte> rest, string text)
    {
        System.Text.Encoding.ASCII.GetBytes(text, rest);
        rest = rest[text.Length..];
    }
}
