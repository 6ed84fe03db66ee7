using System.Globalization;

namespace Tertulia.Chat;

/// <summary>What the user sees: one line per message, notes beside them, and on a terminal a prompt below.</summary>
/// <param name="output">Where lines go.</param>
/// <param name="interactive">A terminal at both ends: colours, and a prompt that stays below what comes in.</param>
internal sealed class Screen(TextWriter output, bool interactive) : IDisposable
{
    private readonly Lock _lock = new(); // Lines come from the conversation, keys from the keyboard's thread.
    private readonly Prompt? _prompt = interactive ? new Prompt() : null;
    private string _typing = "";

    /// <summary>Somebody's message.</summary>
    public void Message(ChatLine line)
    {
        var time = line.CreatedAt.ToLocalTime().ToString("HH:mm:ss", CultureInfo.InvariantCulture);
        Write($"{Dim(time)} {Bold(SafeText.Of(line.Username))}: {SafeText.Of(line.Content)}");
    }

    /// <summary>Something about the conversation. Safe text only.</summary>
    public void Note(string text) => Write(Dim($"· {text}"));

    /// <summary>Who is typing: beside the prompt on a terminal, else a note when somebody starts.</summary>
    public void Typing(IReadOnlyCollection<string> usernames)
    {
        var before = _typing;
        _typing = usernames.Count == 0 ? "" : $"{string.Join(", ", usernames.Select(SafeText.Of))} {(usernames.Count == 1 ? "is" : "are")} typing…";
        if (_prompt is null)
        {
            if (_typing.Length > before.Length)
            {
                Note(_typing);
            }

            return;
        }

        lock (_lock)
        {
            _prompt.Status = _typing.Length == 0 ? "" : Dim(_typing) + " ";
            output.Write(_prompt.Redraw());
        }
    }

    /// <summary>Reads lines until the input ends. An input that ends without a single line is somebody who only listens.</summary>
    public void StartReading(Action<ChatEvent> post)
    {
        // A thread of its own: reading a terminal or a pipe blocks, and cannot be cancelled; it ends with the program.
        new Thread(() => Read(post)) { IsBackground = true, Name = "input" }.Start();
    }

    /// <inheritdoc />
    public void Dispose()
    {
        if (_prompt is not null)
        {
            output.Write(Prompt.Clear);
        }

        output.Flush();
    }

    private void Read(Action<ChatEvent> post)
    {
        var lines = 0;
        while (NextLine() is { } line)
        {
            lines++;
            post(new Typed(line));
        }

        if (lines > 0 || _prompt is not null)
        {
            post(new EndOfInput());
        }
    }

    private string? NextLine()
    {
        if (_prompt is null)
        {
            return Console.In.ReadLine();
        }

        while (true)
        {
            var key = Console.ReadKey(intercept: true);
            lock (_lock)
            {
                var (line, ended) = _prompt.Press(key);
                output.Write(_prompt.Redraw());
                if (line is not null || ended)
                {
                    return line;
                }
            }
        }
    }

    private void Write(string line)
    {
        lock (_lock)
        {
            output.WriteLine(_prompt is null ? line : Prompt.Clear + line);
            if (_prompt is not null)
            {
                output.Write(_prompt.Redraw());
            }

            output.Flush();
        }
    }

    private string Dim(string text) => interactive ? $"\e[2m{text}\e[0m" : text;

    private string Bold(string text) => interactive ? $"\e[1m{text}\e[0m" : text;
}
