using Tertulia.Connections.Sessions;

namespace Tertulia.Connections.Notifying;

/// <summary>The client wants a page of its user's inbox.</summary>
internal sealed record NotificationsCommand : ClientCommand
{
    /// <summary>Exclusive bound; null: from the newest.</summary>
    public long? BeforeUseq { get; init; }

    /// <summary>0 to 100; null when absent.</summary>
    public int? Limit { get; init; }

    /// <summary>Only those that are not read.</summary>
    public bool UnreadOnly { get; init; }
}

/// <summary>The client's user has read notifications: these, all up to one, or all.</summary>
internal sealed record NotificationReadCommand : ClientCommand
{
    /// <summary>Null when absent.</summary>
    public IReadOnlyList<string>? Ids { get; init; }

    /// <summary>Inclusive; null when absent.</summary>
    public long? UpToUseq { get; init; }

    /// <summary>Every one.</summary>
    public bool All { get; init; }
}
