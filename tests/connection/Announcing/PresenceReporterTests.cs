using Tertulia.Connections.Announcing;
using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Announcing;

public sealed class PresenceReporterTests : IAsyncLifetime
{
    private TestNode _node = null!;
    private PresenceReporter _reporter = null!;

    public async Task InitializeAsync()
    {
        _node = await TestNode.StartAsync();
        _reporter = _node.Of<PresenceReporter>();
        await NextAsync(PresenceReport.BodyOneofCase.Heartbeat);
    }

    public async Task DisposeAsync() => await _node.DisposeAsync();

    [Fact]
    public async Task A_node_that_starts_says_that_it_holds_nothing()
    {
        _node.Time.Advance(PresenceReporter.HeartbeatInterval);

        var report = await NextAsync(PresenceReport.BodyOneofCase.Heartbeat);

        Assert.Equal((_node.Id, 0ul, 0ul, 0u), (report.NodeId, report.Version, report.Heartbeat.Digest, report.Heartbeat.Connections));
    }

    [Fact]
    public async Task A_session_in_a_room_is_reported_from_its_beginning_to_its_end()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 1);
        await ana.GoAsync();

        var changes = await ChangesAsync(3);

        Assert.All(changes, change => Assert.Equal(ana.Session.ConnectionId, change.ConnectionId));
        Assert.Equal("ana", changes[0].Opened.UserId);
        Assert.Equal("lobby", changes[1].Entered);
        Assert.NotNull(changes[2].Closed);
    }

    [Fact]
    public async Task Versions_count_the_reports_of_changes_and_a_heartbeat_repeats_the_last()
    {
        _reporter.Open("c1", "ana", "Ana");
        Assert.Equal(1ul, (await NextAsync(PresenceReport.BodyOneofCase.Delta)).Version);
        _reporter.Enter("c1", "lobby");
        Assert.Equal(2ul, (await NextAsync(PresenceReport.BodyOneofCase.Delta)).Version);
        _node.Time.Advance(PresenceReporter.HeartbeatInterval);

        var report = await NextAsync(PresenceReport.BodyOneofCase.Heartbeat);

        Assert.Equal((2ul, 1u), (report.Version, report.Heartbeat.Connections));
        Assert.Equal(Digest.Of("c1", "") + Digest.Of("c1", "lobby"), report.Heartbeat.Digest);
    }

    [Fact]
    public async Task The_digest_of_a_node_that_lost_everything_is_that_of_an_empty_one()
    {
        _reporter.Open("c1", "ana", "Ana");
        _reporter.Open("c2", "bruno", "Bruno");
        _reporter.Enter("c1", "lobby");
        _reporter.Enter("c1", "kitchen");
        _reporter.Leave("c1", "kitchen");
        _reporter.Close("c2");
        _reporter.Close("c1");
        await ChangesAsync(7);
        _node.Time.Advance(PresenceReporter.HeartbeatInterval);

        Assert.Equal(0ul, (await NextAsync(PresenceReport.BodyOneofCase.Heartbeat)).Heartbeat.Digest);
    }

    [Fact]
    public async Task A_replica_that_asks_gets_the_whole_picture_in_parts()
    {
        for (var index = 0; index < 1001; index++)
        {
            _reporter.Open($"c{index}", "ana", "Ana");
        }

        _reporter.Enter("c7", "lobby");
        await ChangesAsync(1002);

        await _node.TellAsync(new NodeBatch { Announce = new AnnounceRequest { ReplicaId = "presence-1", NodeIds = { _node.Id } } });
        var first = await NextAsync(PresenceReport.BodyOneofCase.Snapshot);
        var second = await NextAsync(PresenceReport.BodyOneofCase.Snapshot);

        Assert.Equal((0u, 2u, 1u, 2u), (first.Snapshot.Part, first.Snapshot.Parts, second.Snapshot.Part, second.Snapshot.Parts));
        Assert.Equal(first.Version, second.Version);
        var connections = first.Snapshot.Connections.Concat(second.Snapshot.Connections).ToDictionary(connection => connection.ConnectionId);
        Assert.Equal(1001, connections.Count);
        Assert.Equal(["lobby"], connections["c7"].RoomIds);
    }

    [Fact]
    public async Task A_question_to_other_nodes_is_not_answered()
    {
        await _node.TellAsync(new NodeBatch { Announce = new AnnounceRequest { ReplicaId = "presence-1", NodeIds = { "other" } } });
        await _node.SettledAsync();

        await _reporter.ReportedAsync();

        Assert.False(_node.Reports.TryRead(out _));
    }

    [Fact]
    public async Task A_connection_in_very_many_rooms_is_reported_in_parts_of_less_than_a_mebibyte()
    {
        var rooms = Enumerable.Range(0, 9_000).Select(index => $"{index:D4}{new string('r', 120)}").ToArray();
        _reporter.Open("c1", "ana", "Ana");
        foreach (var room in rooms)
        {
            _reporter.Enter("c1", room);
        }

        await _node.TellAsync(new NodeBatch { Announce = new AnnounceRequest { ReplicaId = "presence-1" } });
        var (told, parts) = (new HashSet<string>(StringComparer.Ordinal), 0u);
        for (var part = 0; parts == 0 || part < parts;)
        {
            var report = await Eventually.CompletesAsync(_node.Reports.ReadAsync().AsTask(), "a report");
            Assert.InRange(report.CalculateSize(), 1, 1024 * 1024);
            if (report.Snapshot is { } snapshot)
            {
                (parts, part) = (snapshot.Parts, part + 1);
                told.UnionWith(snapshot.Connections.Where(connection => connection.ConnectionId == "c1").SelectMany(connection => connection.RoomIds));
            }
        }

        Assert.Equal(rooms.Length, told.Count);
    }

    [Fact]
    public void More_changes_than_may_wait_become_one_picture()
    {
        var held = new HeldConnections();
        held.Open("c1", "ana", "Ana");
        for (var index = 0; index <= HeldConnections.MaxChanges; index++)
        {
            held.Enter("c1", $"r{index}");
        }

        var taken = held.Take(whole: false);

        Assert.True(taken.Overflowed);
        Assert.Empty(taken.Changes);
        Assert.Equal(HeldConnections.MaxChanges + 1, Assert.Single(taken.Connections!).RoomIds.Count);
        Assert.Empty(held.Take(whole: false).Changes);
    }

    [Fact]
    public async Task The_last_report_says_that_the_node_is_gone()
    {
        await _reporter.StopAsync(CancellationToken.None);

        Assert.Equal(1ul, (await NextAsync(PresenceReport.BodyOneofCase.Gone)).Version);
    }

    private async Task<PresenceReport> NextAsync(PresenceReport.BodyOneofCase body)
    {
        var report = await Eventually.CompletesAsync(_node.Reports.ReadAsync().AsTask(), $"a report {body}");
        Assert.Equal(body, report.BodyCase);
        return report;
    }

    private async Task<List<PresenceChange>> ChangesAsync(int count)
    {
        var changes = new List<PresenceChange>();
        while (changes.Count < count)
        {
            changes.AddRange((await NextAsync(PresenceReport.BodyOneofCase.Delta)).Delta.Changes);
        }

        Assert.Equal(count, changes.Count);
        return changes;
    }
}
