using Tertulia.Contracts;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Verbs;

namespace Tertulia.Messages.Subscribing;

/// <summary>A node ends to hold a room. Nothing is written or answered.</summary>
internal sealed class UnsubscribeVerb : IVerb
{
    public Command.BodyOneofCase Body => Command.BodyOneofCase.Unsubscribe;

    public bool HasActor => false;

    public void Decide(in Submitted submitted, Flush flush)
    {
        submitted.Room.Unsubscribe(submitted.NodeId);
        flush.Touch(submitted.Room);
    }
}
