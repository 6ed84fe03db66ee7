using System.Diagnostics;
using Tertulia.Bus;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Submitting;

/// <summary>The spans of one command on its node: <c>receive</c>, from the client's frame to its answer, and in it <c>create</c>, whose context goes
/// with the command.</summary>
internal static class CommandTrace
{
    /// <summary>Starts the span of a command, when it is sampled: the sampler decides, or the client has.</summary>
    /// <returns>Null when it is not recorded: nothing of it is carried then.</returns>
    public static Activity? Receive(ClientCommand command)
    {
        if (!Telemetry.Activities.HasListeners())
        {
            return null;
        }

        // Over HTTP the request has a span, which goes on in its command.
        var parent = Activity.Current is { Recorded: true } request ? request.Context : ClientTraces.Of(command.Traceparent);
        return Tracing.Begin(Telemetry.Activities, "receive", ActivityKind.Server, parent);
    }

    /// <summary>The command is complete, and is going to be submitted.</summary>
    public static void Create(Activity receive, Command submitted)
    {
        var verb = NameOf(submitted);
        receive.DisplayName = $"receive {verb}";
        receive.SetTag("messaging.message.conversation_id", submitted.RoomId).SetTag("tertulia.verb", verb);
        var create = BusTrace.Begin(
            Telemetry.Activities, "create", "create", ActivityKind.Producer, BusTrace.Message, template: "", routingKey: null, receive.Context);
        if (create is null)
        {
            submitted.Traceparent = Tracing.Carried(receive);
            return;
        }

        create.SetTag("messaging.message.conversation_id", submitted.RoomId);
        if (submitted.Send is { } send)
        {
            create.SetTag("messaging.message.id", send.MessageId);
        }

        submitted.Traceparent = Tracing.Carried(create);
        Tracing.End(create);
    }

    /// <summary>The client is answered.</summary>
    /// <param name="receive">The span; null when it is not recorded.</param>
    /// <param name="outcome"><c>stored</c>, <c>duplicate</c> or <c>refused</c>.</param>
    /// <param name="error">Why it was refused; null when it was not.</param>
    public static void Answered(Activity? receive, string outcome, ErrorCode? error = null)
    {
        if (receive is null)
        {
            return;
        }

        receive.SetTag("tertulia.outcome", outcome);
        if (error is { } code)
        {
            Tracing.Fail(receive, code.ToString());
        }

        Tracing.End(receive);
    }

    private static string NameOf(Command command) => command.BodyCase switch
    {
        Command.BodyOneofCase.Send => "message",
        Command.BodyOneofCase.Extension => command.Extension.Verb,
        var body => body.ToString().ToLowerInvariant(),
    };
}
