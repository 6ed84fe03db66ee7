namespace Tertulia.Connections.Events;

/// <summary>What a position of a room may look like (PROTOCOL §1).</summary>
internal static class PositionFormat
{
    /// <summary>The largest seq: JSON numbers are exact up to here.</summary>
    public const long MaxSeq = (1L << 53) - 1;

    /// <summary>Characters of an epoch, at most.</summary>
    public const int MaxEpochChars = 64;
}
