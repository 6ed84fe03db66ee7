namespace Tertulia.Connections.Rooms;

/// <summary>The local members of a room, in no particular order: added, removed and walked through without allocating per member.</summary>
internal sealed class MemberList
{
    private RoomMember[] _members = new RoomMember[2];

    public int Count { get; private set; }

    /// <summary>Valid until the next change.</summary>
    public ReadOnlySpan<RoomMember> Span => _members.AsSpan(0, Count);

    public void Add(RoomMember member)
    {
        if (Count == _members.Length)
        {
            Array.Resize(ref _members, Count * 2);
        }

        member.Index = Count;
        _members[Count++] = member;
    }

    /// <summary>The last member takes the place of the one that goes.</summary>
    public void Remove(RoomMember member)
    {
        var last = _members[--Count];
        last.Index = member.Index;
        _members[member.Index] = last;
        _members[Count] = null!;
    }
}
