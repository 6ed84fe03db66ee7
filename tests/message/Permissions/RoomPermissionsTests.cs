using Tertulia.Contracts;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Storage;
using Tertulia.Testing;

namespace Tertulia.Messages.Tests.Permissions;

/// <summary>The table is the document's, and what stands beside it (tokens, bans, mutes, archived rooms) is weighed in the order that the document says.</summary>
/// <remarks><c>TERTULIA_ACCEPT_PERMISSIONS=1 ./dev test message</c> writes the tables of docs/permissions.md again.</remarks>
public sealed class RoomPermissionsTests
{
    private const string Accept = "TERTULIA_ACCEPT_PERMISSIONS";
    private const string Mark = "<!-- From here on generated";

    private static readonly string Recorded = Path.Combine(Repository.Root, "docs/permissions.md");
    private static readonly Grant Everything = new() { Read = true, Write = true, Presence = true, Moderate = true };

    [Fact]
    public void The_document_is_what_the_table_says()
    {
        var before = File.ReadAllText(Recorded);
        var now = before[..before.IndexOf(Mark, StringComparison.Ordinal)]
            + $"{Mark} from RoomPermissions: {Accept}=1 ./dev test message -->\n{PermissionsDocument.Table()}";
        if (Environment.GetEnvironmentVariable(Accept) == "1")
        {
            File.WriteAllText(Recorded, now);
            return;
        }

        Assert.True(now == before, $"docs/permissions.md is stale: {Accept}=1 ./dev test message writes it again");
    }

    [Fact]
    public void Without_token_ban_and_mute_the_table_decides() => ForAll((action, role, kind) =>
    {
        var expected = RoomPermissions.Allows(role, kind, action) ? ErrorCode.Unspecified
            : role == RoomRoles.None && action != RoomAction.Enter ? ErrorCode.NotMember
            : ErrorCode.Forbidden;

        Assert.Equal(expected, RoomPermissions.Check(Commands.User("ana"), kind, new Membership(role, Banned: false), action));
    });

    [Fact]
    public void A_role_may_all_that_the_ones_below_it_may() => ForAll((action, role, kind) =>
    {
        var above = RoomRoles.All.SkipWhile(other => other != role);

        Assert.True(!RoomPermissions.Allows(role, kind, action) || above.All(other => RoomPermissions.Allows(other, kind, action)), $"{action} as {role} in {kind}");
    });

    [Fact]
    public void Admins_and_services_may_everything_everywhere() => ForAll((action, role, kind) =>
    {
        foreach (var privileged in new[] { "admin", "service" })
        {
            var actor = Commands.User("root", privileged, new Grant());
            var membership = new Membership(role, Banned: true, Muted: true);

            Assert.Equal(ErrorCode.Unspecified, RoomPermissions.Check(actor, kind, membership, action, isArchived: true));
        }
    });

    [Fact]
    public void A_ban_is_stronger_than_any_token_and_any_role() => ForAll((action, role, kind) =>
    {
        var banned = new Membership(role, Banned: true);

        Assert.Equal(ErrorCode.Banned, RoomPermissions.Check(Commands.User("ana"), kind, banned, action));
        Assert.Equal(ErrorCode.Banned, RoomPermissions.Check(Commands.User("ana", grant: Everything), kind, banned, action));
    });

    [Fact]
    public void A_token_that_grants_takes_away_what_it_does_not_name() => ForAll((action, role, kind) =>
    {
        var right = RoomPermissions.RightFor(action);
        foreach (var named in Enum.GetValues<RoomPermissions.TokenRight>())
        {
            var refusal = RoomPermissions.Check(Commands.User("ana", grant: GrantOf(named)), kind, new Membership(role, Banned: false), action);

            Assert.True(named == right || refusal == ErrorCode.Forbidden, $"{action} as {role} in {kind} with {named}: {refusal}");
            Assert.True(named != right || !RoomPermissions.Allows(role, kind, action) || refusal == ErrorCode.Unspecified, $"{action} as {role} in {kind} with {named}: {refusal}");
        }
    });

    [Theory]
    [InlineData(RoomRoles.Guest)]
    [InlineData(RoomRoles.Member)]
    [InlineData(RoomRoles.Moderator)]
    public void A_token_gives_who_is_no_member_the_role_that_it_stands_for(string role)
    {
        var grant = new Grant { Read = true, Write = role != RoomRoles.Guest, Moderate = role == RoomRoles.Moderator };

        ForAll((action, own, kind) =>
        {
            if (own == RoomRoles.None && RoomPermissions.Allows(role, kind, action) && HasRight(grant, RoomPermissions.RightFor(action)))
            {
                Assert.Equal(ErrorCode.Unspecified, RoomPermissions.Check(Commands.User("ana", grant: grant), kind, Membership.None, action));
            }
        });
        Assert.Equal(ErrorCode.Forbidden, RoomPermissions.Check(Commands.User("ana", grant: grant), RoomKinds.Open, Membership.None, RoomAction.DeleteRoom));
    }

    [Fact]
    public void Who_is_muted_is_silent_whatever_the_role_and_the_token() => ForAll((action, role, kind) =>
    {
        var muted = new Membership(role, Banned: false, Muted: true);
        foreach (var actor in new[] { Commands.User("ana"), Commands.User("ana", grant: Everything) })
        {
            var refusal = RoomPermissions.Check(actor, kind, muted, action);

            Assert.Equal(RoomPermissions.Speaks(action) ? ErrorCode.Muted : RoomPermissions.Check(actor, kind, muted with { Muted = false }, action), refusal);
        }
    });

    [Fact]
    public void In_an_archived_room_nothing_is_added() => ForAll((action, role, kind) =>
    {
        var membership = new Membership(role, Banned: false);
        var refusal = RoomPermissions.Check(Commands.User("ana"), kind, membership, action, isArchived: true);

        Assert.Equal(RoomPermissions.Adds(action) ? ErrorCode.Forbidden : RoomPermissions.Check(Commands.User("ana"), kind, membership, action), refusal);
    });

    [Fact]
    public void A_kind_of_a_newer_version_is_closed() =>
        Assert.Equal(ErrorCode.Forbidden, RoomPermissions.Check(Commands.User("ana"), "holodeck", new Membership(RoomRoles.Owner, Banned: false), RoomAction.Read));

    [Theory]
    [InlineData(RoomRoles.Moderator, RoomRoles.Member, true)]
    [InlineData(RoomRoles.Moderator, RoomRoles.None, true)]
    [InlineData(RoomRoles.Moderator, RoomRoles.Moderator, false)]
    [InlineData(RoomRoles.Moderator, RoomRoles.Owner, false)]
    [InlineData(RoomRoles.Owner, RoomRoles.Owner, true)]
    public void Moderators_act_on_those_below_them_and_owners_on_all(string own, string target, bool may)
    {
        Assert.Equal(may, RoomPermissions.MayActOn(Commands.User("ana"), new Membership(own, Banned: false), new Membership(target, Banned: false)));
        Assert.True(RoomPermissions.MayActOn(Commands.User("root", "admin"), Membership.None, new Membership(RoomRoles.Owner, Banned: false)));
    }

    [Fact]
    public void Bans_and_mutes_end_at_their_time()
    {
        var membership = new Membership(RoomRoles.Member, Banned: true, Muted: true, BannedUntilMs: 1_000, MutedUntilMs: 2_000);

        Assert.Equal(membership, membership.At(999));
        Assert.Equal((false, true), (membership.At(1_000).Banned, membership.At(1_000).Muted));
        Assert.Equal(new Membership(RoomRoles.Member, Banned: false), membership.At(2_000));
        Assert.Equal(new Membership("", Banned: true), new Membership("", Banned: true).At(long.MaxValue));
    }

    private static void ForAll(Action<RoomAction, string, string> check)
    {
        foreach (var action in Enum.GetValues<RoomAction>())
        {
            foreach (var role in RoomRoles.All)
            {
                foreach (var kind in RoomKinds.All)
                {
                    check(action, role, kind);
                }
            }
        }
    }

    private static Grant GrantOf(RoomPermissions.TokenRight right) => new()
    {
        Read = right == RoomPermissions.TokenRight.Read,
        Write = right == RoomPermissions.TokenRight.Write,
        Moderate = right == RoomPermissions.TokenRight.Moderate,
    };

    private static bool HasRight(Grant grant, RoomPermissions.TokenRight right) => right switch
    {
        RoomPermissions.TokenRight.Read => grant.Read,
        RoomPermissions.TokenRight.Write => grant.Write,
        _ => grant.Moderate,
    };
}
