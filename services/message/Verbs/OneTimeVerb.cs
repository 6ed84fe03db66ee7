using System.Globalization;
using Tertulia.Contracts;
using Tertulia.Messages.Flushing;

namespace Tertulia.Messages.Verbs;

/// <summary>A verb that makes something so, and says it in one entry; who asks once more for what is so already is answered as done.</summary>
/// <remarks>Its key is the command's own, so that the same one is found when it is delivered again. So a client needs no key of its own to try again.</remarks>
internal abstract class OneTimeVerb : KeyedVerb
{
    /// <inheritdoc />
    public sealed override string IdOf(Command command) => ""; // There is one attempt of each key.

    /// <inheritdoc />
    public sealed override string IdOf(RoomEvent written) => "";

    /// <inheritdoc />
    public sealed override Stored Describe(Command command, RoomEvent written) => new() { Seq = written.Seq, CreatedAtMs = written.CreatedAtMs, Entry = written };

    /// <summary>Its name in the key.</summary>
    protected abstract string Name { get; }

    /// <inheritdoc />
    protected sealed override string KeyOf(in Submitted submitted) => KeyOf(Name, submitted);

    /// <summary>The key of another entry of the same command.</summary>
    protected static string KeyOf(string name, in Submitted submitted) =>
        string.Create(CultureInfo.InvariantCulture, $"+{name}:{submitted.NodeId}:{submitted.Command.CommandId}");

    /// <summary>It is so already: nothing is written, the answer shows what would have been.</summary>
    protected static void ReplyIsSo(in Submitted submitted, RoomEvent entry, Flush flush) => flush.ReplyDuplicate(submitted, new Stored { Entry = entry });
}
