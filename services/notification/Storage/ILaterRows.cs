using Tertulia.Notifications.Inbox;

namespace Tertulia.Notifications.Storage;

/// <summary>What is decided and told later, part by part. Who writes here has the mark of the partition, or removes before what was told is removed.</summary>
internal interface ILaterRows
{
    /// <summary>Adds parts; one that is there is replaced.</summary>
    Task PutAsync(IReadOnlyList<LaterPart> parts);

    /// <summary>A part of which some were told, as it is without them.</summary>
    Task ReplaceAsync(LaterPart part);

    /// <summary>The oldest part of a partition; null: there is none.</summary>
    Task<LaterPart?> NextAsync(int partition);

    /// <summary>The part was told, or is not to be.</summary>
    Task RemoveAsync(LaterPart part);

    /// <summary>What is left of an event of a message.</summary>
    Task<List<LaterPart>> OfEventAsync(string eventId, string messageId);

    /// <summary>Nothing of a message is told.</summary>
    Task RemoveOfMessageAsync(string messageId);

    /// <summary>Nothing of a room's entries before a seq is told.</summary>
    Task RemoveOfRoomAsync(string roomId, long beforeSeq);

    /// <summary>Nothing of a user's doing is told.</summary>
    Task RemoveOfActorAsync(string actorId);
}
