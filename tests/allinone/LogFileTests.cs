using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Tertulia.Hosting;

namespace Tertulia.AllInOne.Tests;

public sealed class LogFileTests : IDisposable
{
    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"tertulia-log-{Guid.NewGuid():N}");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Whatever_is_logged_two_files_of_the_configured_size_are_all_there_is_and_the_newest_line_is_in_the_first()
    {
        using (var file = new LogFile(Options.Create(new LogOptions { Folder = _folder, FileBytes = 64 * 1024 }), TimeProvider.System))
        {
            var logger = file.CreateLogger("Tertulia.Test");
            for (var line = 0; line < 3000; line++)
            {
                logger.LogInformation("Line {Number} {Filler}", line, new string('x', 50));
            }
        }

        var files = new DirectoryInfo(_folder).GetFiles();
        Assert.Equal(["tertulia.log", "tertulia.old.log"], files.Select(file => file.Name).Order());
        Assert.All(files, file => Assert.InRange(file.Length, 1, 64 * 1024));
        Assert.Contains("info: Tertulia.Test[0] Line 2999 xx", File.ReadLines(Path.Combine(_folder, "tertulia.log")).Last(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_line_is_one_line()
    {
        using (var file = new LogFile(Options.Create(new LogOptions { Folder = _folder }), TimeProvider.System))
        {
            file.CreateLogger("c").LogError(new InvalidOperationException("a\nb"), "first\r\nsecond");
        }

        Assert.Single(File.ReadLines(Path.Combine(_folder, "tertulia.log")));
    }
}
