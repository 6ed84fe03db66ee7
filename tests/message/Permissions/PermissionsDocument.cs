using System.Text;
using Tertulia.Contracts;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Tests.Permissions;

/// <summary>The table that the code enforces, as people read it.</summary>
internal static class PermissionsDocument
{
    private const long Now = 1_900_000_000_000;
    private const string Actor = RoomRoles.Moderator; // Has something to lose, and is not above all.

    private static readonly string[] Kinds = ["public", "private", "direct", "auditorium"];

    private static readonly Membership Before = new(Actor, Banned: false);

    // What may become of a member, and of its token.
    private static readonly (string Name, Membership Membership, Grant? Grant, bool IsArchived)[] States =
    [
        ("kicked", Membership.None, null, false),
        ("banned", new Membership(RoomRoles.None, Banned: true), null, false),
        ("ban over", new Membership(RoomRoles.None, Banned: true, BannedUntilMs: Now).At(Now), null, false),
        ("muted", Before with { Muted = true }, null, false),
        ("archived", Before, null, true),
        ("token reads", Before, new Grant { Read = true }, false),
        ("token elsewhere", Before, new Grant(), false),
        ("token revoked", Before, new Grant(), false),
    ];

    public static string Table()
    {
        var text = new StringBuilder();
        for (var kind = 0; kind < Kinds.Length; kind++)
        {
            text.Append('\n').Append("## In a room that is ").Append(Kinds[kind]).Append("\n\n");
            text.Append("| action | token's right | no member | guest | member | moderator | owner | when muted | when archived |\n");
            text.Append("|---|---|---|---|---|---|---|---|---|\n");
            foreach (var action in Enum.GetValues<RoomAction>())
            {
                text.Append("| ").Append(Words(action)).Append(" | ").Append(Words(RoomPermissions.RightFor(action))).Append(" |");
                foreach (var role in RoomRoles.All)
                {
                    text.Append(RoomPermissions.Allows(role, RoomKinds.All[kind], action) ? " yes |" : " – |");
                }

                text.Append(RoomPermissions.Speaks(action) ? " – |" : " no change |").Append(RoomPermissions.Adds(action) ? " – |\n" : " no change |\n");
            }
        }

        for (var kind = 0; kind < Kinds.Length; kind++)
        {
            text.Append($"\n## A {Actor} of a room that is {Kinds[kind]}, otherwise\n\n");
            text.Append("| action | ").AppendJoin(" | ", States.Select(state => state.Name)).Append(" |\n|---|").Insert(text.Length, "---|", States.Length).Append('\n');
            foreach (var action in Enum.GetValues<RoomAction>())
            {
                text.Append("| ").Append(Words(action)).Append(" | ")
                    .AppendJoin(" | ", States.Select(state => Said(state.Membership, state.Grant, state.IsArchived, RoomKinds.All[kind], action))).Append(" |\n");
            }
        }

        return text.ToString();
    }

    private static string Said(Membership membership, Grant? grant, bool isArchived, string kind, RoomAction action)
    {
        var code = RoomPermissions.Check(Commands.User("ana", "user", grant), kind, membership, action, isArchived);
        return code == ErrorCode.Unspecified ? "yes" : ErrorCatalog.Of(code).Name;
    }

    /// <summary><c>EditOwn</c> is "edit own".</summary>
    private static string Words<T>(T name) where T : struct, Enum =>
        string.Concat(name.ToString().Select((letter, index) => char.IsUpper(letter) && index > 0 ? $" {char.ToLowerInvariant(letter)}" : $"{char.ToLowerInvariant(letter)}"));
}
