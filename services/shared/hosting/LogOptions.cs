using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Tertulia.Hosting;

/// <summary>What a line on the console looks like.</summary>
public enum LogFormat
{
    /// <summary>For people: time, level, category and the sentence.</summary>
    Text,

    /// <summary>For programs: a JSON object with the fields of the sentence and the trace in which it was written.</summary>
    Json,
}

/// <summary>Where log lines go.</summary>
public sealed class LogOptions
{
    /// <summary>The file in <see cref="Folder"/> that is written to.</summary>
    public const string FileName = "tertulia.log";

    internal const string Section = "Log";

    /// <summary>What a line on the console looks like.</summary>
    /// <value><c>Text</c> or <c>Json</c>; default <c>Text</c>.</value>
    [EnumDataType(typeof(LogFormat))]
    public LogFormat Format { get; set; } = LogFormat.Text;

    /// <summary>Folder of a log file, <c>tertulia.log</c>, that takes all lines; the console then shows warnings and errors only. A full file becomes
    /// <c>tertulia.old.log</c>, in the place of the one before.</summary>
    /// <value>Default none: everything goes to the console.</value>
    public string? Folder { get; set; }

    /// <summary>Size at which a log file is full: two of them are kept.</summary>
    /// <value>Bytes, 64 KiB to 1 GiB; default 8 MiB.</value>
    [Range(64 * 1024, 1024 * 1024 * 1024)]
    public int FileBytes { get; set; } = 8 * 1024 * 1024;
}

[OptionsValidator]
internal sealed partial class LogOptionsValidator : IValidateOptions<LogOptions>;
