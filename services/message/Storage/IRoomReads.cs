namespace Tertulia.Messages.Storage;

/// <summary>What is read of rooms beside <see cref="IMessageStore"/>, with its promises about failures and callers.</summary>
internal interface IRoomReads
{
    /// <summary>When users last wrote a message in a room, Unix milliseconds; who wrote none since a time is absent from the result.</summary>
    /// <param name="roomId">The room.</param>
    /// <param name="sinceMs">Only what came after it is looked at, from the room's end on.</param>
    /// <param name="cancellationToken">Ends the caller's waiting.</param>
    Task<Dictionary<string, long>> LastSentAsync(string roomId, long sinceMs, CancellationToken cancellationToken);
}
