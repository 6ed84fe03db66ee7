namespace Tertulia.Chat;

/// <summary>Everything the conversation reacts to, one at a time.</summary>
internal abstract record ChatEvent;

/// <summary>A line from the keyboard or the pipe.</summary>
internal sealed record Typed(string Line) : ChatEvent;

/// <summary>The pipe ended.</summary>
internal sealed record EndOfInput : ChatEvent;

/// <summary>Ctrl-C.</summary>
internal sealed record Quit : ChatEvent;

/// <summary>A frame of the server.</summary>
internal sealed record Received(Link Link, ServerFrame Frame) : ChatEvent;

/// <summary>A connection failed or ended.</summary>
/// <param name="Link">Which.</param>
/// <param name="Code">Close code; 1006 when there was none.</param>
/// <param name="Reason">For the user.</param>
internal sealed record LinkEnded(Link Link, int Code, string Reason) : ChatEvent;

/// <summary>A time that was waited for has come.</summary>
internal sealed record Due(Action Then) : ChatEvent;

/// <summary>The answer to <c>/stats</c>.</summary>
internal sealed record Statistics(string Text) : ChatEvent;
