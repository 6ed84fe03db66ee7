using System.Text;

namespace Tertulia.Chat;

/// <summary>The line being typed, on a terminal.</summary>
internal sealed class Prompt
{
    /// <summary>To the start of the row, and nothing on it.</summary>
    public const string Clear = "\r\e[K";

    private readonly StringBuilder _text = new();

    /// <summary>Shown before the line.</summary>
    public string Status { get; set; } = "";

    /// <summary>One key.</summary>
    /// <returns>The line when it is complete; <c>Ended</c> at Ctrl-D on an empty line.</returns>
    public (string? Line, bool Ended) Press(ConsoleKeyInfo key)
    {
        var control = key.Modifiers.HasFlag(ConsoleModifiers.Control);
        switch (key.Key)
        {
            case ConsoleKey.Enter:
                var line = _text.ToString();
                _text.Clear();
                return (line, false);
            case ConsoleKey.D when control && _text.Length == 0:
                return (null, true);
            case ConsoleKey.U when control:
                _text.Clear();
                break;
            case ConsoleKey.Backspace when _text.Length > 0:
                _text.Length -= _text.Length > 1 && char.IsLowSurrogate(_text[^1]) ? 2 : 1;
                break;
            default:
                if (!char.IsControl(key.KeyChar))
                {
                    _text.Append(key.KeyChar);
                }

                break;
        }

        return (null, false);
    }

    /// <summary>What to write so that the row shows the end of the line, as much as fits.</summary>
    public string Redraw()
    {
        var room = Math.Max(10, Console.WindowWidth - 30);
        var text = _text.Length > room ? "…" + _text.ToString(_text.Length - room, room) : _text.ToString();
        return $"{Clear}{Status}> {text}";
    }
}
