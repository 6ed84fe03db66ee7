using Tertulia.Connections.Announcing;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Announcing;

public sealed class HeldConnectionsTests
{
    private readonly HeldConnections _held = new();

    [Fact]
    public async Task A_connection_in_very_many_rooms_holds_up_nothing()
    {
        const int Rooms = 200_000; // One after the other through a list they would take minutes, under the lock of all connections.
        _held.Open("c1", "ana", "Ana");

        await Eventually.CompletesAsync(Task.Run(() => EnterAll(Rooms)), "all rooms are entered");

        Assert.Equal(Rooms, Assert.Single(_held.Take(whole: true).Connections!).RoomIds.Distinct().Count());
    }

    [Fact]
    public void A_room_is_entered_and_left_once_however_many_there_are()
    {
        _held.Open("c1", "ana", "Ana");
        EnterAll(40);
        EnterAll(40);
        for (var room = 1; room < 40; room++)
        {
            _held.Leave("c1", $"room-{room}");
            _held.Leave("c1", $"room-{room}");
        }

        var taken = _held.Take(whole: true);

        Assert.Equal(1 + 40 + 39, taken.Changes.Count);
        Assert.Equal(["room-0"], Assert.Single(taken.Connections!).RoomIds);
        Assert.Equal(Digest.Of("c1", "") + Digest.Of("c1", "room-0"), taken.Digest);
    }

    private void EnterAll(int rooms)
    {
        for (var room = 0; room < rooms; room++)
        {
            _held.Enter("c1", $"room-{room}");
        }
    }
}
