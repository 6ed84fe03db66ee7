using Tertulia.Contracts;
using Tertulia.Messages.Storage;

namespace Tertulia.Conformance.Stores;

/// <summary>Tokens that are void before they end: kept until then, in an order in which nobody who reads on misses one.</summary>
public abstract class RevocationConformance(IStoreDatabase database) : StoreConformance(database)
{
    private const long Now = 1_900_000_000_000;
    private const int Max = 10;

    [Fact]
    public async Task What_was_added_is_read_by_every_process_in_its_order()
    {
        var (one, other) = (Database.OpenRevocations(), Database.OpenRevocations());
        var first = await one.AddAsync(Of("t1", "", "", Now + 1000), "root", "stolen", Max, Deadline);
        var second = await other.AddAsync(Of("", "ana", "lobby", Now + 2000), "root", "", Max, Deadline);

        var read = await one.ReadAsync(0, Now, 10, Deadline);

        Assert.Equal([first, second], read.Select(revocation => (long?)revocation.Number));
        Assert.Equal([("t1", "", "", Now, Now + 1000), ("", "ana", "lobby", Now, Now + 2000)],
            read.Select(revocation => (revocation.TokenId, revocation.UserId, revocation.RoomId, revocation.RevokedAtMs, revocation.ExpiresAtMs)));
        Assert.Equal([second], (await other.ReadAsync(first!.Value, Now, 10, Deadline)).Select(revocation => (long?)revocation.Number));
        Assert.Equal([first], (await other.ReadAsync(0, Now, 1, Deadline)).Select(revocation => (long?)revocation.Number));
    }

    [Fact]
    public async Task What_has_ended_is_not_read_and_makes_room()
    {
        var store = Database.OpenRevocations();
        for (var i = 0; i < Max; i++)
        {
            Assert.NotNull(await store.AddAsync(Of($"t{i}", "", "", Now + 1000 + i), "root", "", Max, Deadline));
        }

        Assert.Null(await store.AddAsync(Of("more", "", "", Now + 9000), "root", "", Max, Deadline));
        Assert.Equal(Max - 4, (await store.ReadAsync(0, Now + 1003, 100, Deadline)).Count);
        var later = Of("more", "", "", Now + 9000);
        later.RevokedAtMs = Now + 1000;
        Assert.NotNull(await store.AddAsync(later, "root", "", Max, Deadline));
    }

    [Fact]
    public async Task Each_has_its_record_in_the_audit_log_which_is_asked_by_what_and_by_whom_page_by_page()
    {
        var (store, audit) = (Database.OpenRevocations(), Database.OpenAudit());
        var all = (Revocation[])[Of("t1", "", "", Now + 9000), Of("", "ana", "", Now + 9000), Of("", "ana", "lobby", Now + 9000), Of("", "", "lobby", Now + 9000)];
        for (var i = 0; i < all.Length; i++)
        {
            all[i].RevokedAtMs = Now + i;
            await store.AddAsync(all[i], i < 2 ? "root" : "boss", $"because {i}", Max, Deadline);
        }

        var records = await audit.ReadAsync(new AuditFilter("", "", "", ""), long.MaxValue, "", 10, Deadline);

        Assert.Equal(
            [
                (Now + 3, "boss", "room_revoked", "lobby", "", "because 3"), (Now + 2, "boss", "member_revoked", "lobby", "ana", "because 2"),
                (Now + 1, "root", "user_revoked", "", "ana", "because 1"), (Now, "root", "token_revoked", "", "t1", "because 0"),
            ],
            records.Select(record => (record.AtMs, record.ActorId, record.Action, record.RoomId, record.TargetId, record.Detail)));
        Assert.Equal((List<long>)[Now + 3, Now + 2], await TimesAsync(new AuditFilter("boss", "", "", "")));
        Assert.Equal((List<long>)[Now + 2, Now + 1], await TimesAsync(new AuditFilter("", "", "", "ana")));
        Assert.Equal((List<long>)[Now + 3, Now + 2], await TimesAsync(new AuditFilter("", "", "lobby", "")));
        Assert.Equal((List<long>)[Now], await TimesAsync(new AuditFilter("", "token_revoked", "", "")));
        var page = await audit.ReadAsync(new AuditFilter("", "", "", ""), records[1].AtMs, records[1].Id, 1, Deadline);
        Assert.Equal([records[2]], page);

        async Task<List<long>> TimesAsync(AuditFilter filter) => [.. (await audit.ReadAsync(filter, long.MaxValue, "", 10, Deadline)).Select(record => record.AtMs)];
    }

    [Fact]
    public async Task Who_reads_on_while_others_add_misses_nothing()
    {
        const int Each = 40;
        var writers = Enumerable.Range(0, 4).Select(writer => Task.Run(async () =>
        {
            var store = Database.OpenRevocations();
            for (var i = 0; i < Each; i++)
            {
                await store.AddAsync(Of($"{writer}-{i}", "", "", Now + 1000), "root", "", 1000, Deadline);
            }
        })).ToArray();
        var (reader, seen, after) = (Database.OpenRevocations(), new List<string>(), 0L);
        for (var isDone = false; !isDone;)
        {
            isDone = writers.All(writer => writer.IsCompleted); // Before the read, which then is the last one.
            foreach (var revocation in await reader.ReadAsync(after, Now, 1000, Deadline))
            {
                seen.Add(revocation.TokenId);
                after = revocation.Number;
            }

            await Task.Yield();
        }

        await Task.WhenAll(writers);
        Assert.Equal(
            Enumerable.Range(0, 4).SelectMany(writer => Enumerable.Range(0, Each).Select(i => $"{writer}-{i}")).Order(StringComparer.Ordinal), seen.Order(StringComparer.Ordinal));
    }

    private static Revocation Of(string tokenId, string userId, string roomId, long expiresAtMs) =>
        new() { TokenId = tokenId, UserId = userId, RoomId = roomId, RevokedAtMs = Now, ExpiresAtMs = expiresAtMs };
}
