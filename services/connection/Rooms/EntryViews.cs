using System.Collections.Frozen;
using Tertulia.Connections.Events;
using Tertulia.Contracts;

namespace Tertulia.Connections.Rooms;

/// <summary>A kind of entry of a room's log.</summary>
/// <param name="Body">Its member of <c>RoomEvent.body</c>.</param>
/// <param name="Extension">Of an extension: the verb's name; else null.</param>
internal readonly record struct EntryKind(RoomEvent.BodyOneofCase Body, string? Extension = null);

/// <summary>How members are shown one kind of entry.</summary>
internal interface IEntryView
{
    /// <summary>Which entries.</summary>
    EntryKind Entries { get; }

    /// <summary>What all members are told, once for all; null: nothing.</summary>
    ServerEvent? Show(string roomId, string epoch, RoomEvent entry);
}

/// <summary>Members are told what the room keeps no longer.</summary>
internal sealed class ExpiryView : IEntryView
{
    /// <inheritdoc />
    public EntryKind Entries { get; } = new(RoomEvent.BodyOneofCase.Trimmed);

    /// <inheritdoc />
    public ServerEvent Show(string roomId, string epoch, RoomEvent entry) => new MessagesExpiredEvent(roomId, epoch, entry);
}

/// <summary>How members are shown the entries of a room's log. An entry of a kind that is not here changes the room and is not shown.</summary>
internal sealed class EntryViews(IEnumerable<IEntryView> views)
{
    private readonly FrozenDictionary<EntryKind, IEntryView> _views = views.ToFrozenDictionary(view => view.Entries);

    /// <returns>Null when members are not shown it.</returns>
    public IEntryView? Of(RoomEvent entry) => _views.GetValueOrDefault(new EntryKind(entry.BodyCase, entry.Extension?.Verb));
}
