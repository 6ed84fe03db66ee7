using System.Text;
using Tertulia.Messages.Permissions;

namespace Tertulia.Messages.Tests.Permissions;

/// <summary>The table that the code enforces, as people read it.</summary>
internal static class PermissionsDocument
{
    private static readonly string[] Kinds = ["public", "private", "direct", "auditorium"];

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

        return text.ToString();
    }

    /// <summary><c>EditOwn</c> is "edit own".</summary>
    private static string Words<T>(T name) where T : struct, Enum =>
        string.Concat(name.ToString().Select((letter, index) => char.IsUpper(letter) && index > 0 ? $" {char.ToLowerInvariant(letter)}" : $"{char.ToLowerInvariant(letter)}"));
}
