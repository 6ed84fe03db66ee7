using Tertulia.Contracts;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Verbs;

namespace Tertulia.Messages.Tests.Verbs;

/// <summary>A made-up verb: a member pins a message. All that a new verb needs is here, and one line that adds it.</summary>
/// <remarks>Its body is <c>attempt message_id</c>: a message is pinned once, whoever asks again.</remarks>
internal sealed class PinVerb : EntryVerb
{
    public const string Name = "test.pin";

    public override Command.BodyOneofCase Body => Command.BodyOneofCase.Extension;

    public override string ExtensionName => Name;

    public override string KeyOf(Command command) => $"+{Name}:{ClientKeyOf(command)}";

    public override string IdOf(Command command) => Parts(command.Extension)[0];

    public override string IdOf(RoomEvent written) => Parts(written.Extension)[0];

    public override string ClientKeyOf(Command command) => Parts(command.Extension)[1];

    protected override ErrorCode Check(in Submitted submitted) => RoomPermissions.Check(submitted.Command.Actor, submitted.Room.Kind, submitted.Member!.Membership, RoomAction.Pin);

    protected override RoomEvent Write(Command command) => new() { Extension = new Extension { Verb = Name, Body = command.Extension.Body } };

    private static string[] Parts(Extension extension) => extension.Body.ToStringUtf8().Split(' ');
}
