using System.Text;
using Tertulia.Hosting;

namespace Tertulia.AllInOne.Tests;

public sealed class DataFolderTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tertulia-data-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void It_is_made_when_it_is_missing_and_holds_the_database_and_the_socket()
    {
        using var folder = new DataFolder(Path.Combine(_folder, "new", "data"));

        var defaults = EmbeddedParts.Defaults(folder);

        Assert.Equal(Path.Combine(_folder, "new/data/tertulia.db"), defaults["Store:Path"]);
        Assert.Equal($"unix:{_folder}/new/data/grpc.sock", defaults["Listen:Http2"]);
        Assert.Equal(defaults["Listen:Http2"], defaults["Services:message"]);
        Assert.Equal(defaults["Listen:Http2"], defaults["Services:presence"]);
    }

    [Theory]
    [InlineData('x')]
    [InlineData('ñ')]
    public void A_path_that_is_too_long_for_a_socket_gets_one_elsewhere_that_is_its_own(char letter)
    {
        using var one = new DataFolder(Path.Combine(_folder, new string(letter, 60), new string('1', 40)));
        using var other = new DataFolder(Path.Combine(_folder, new string(letter, 60), new string('2', 40)));

        Assert.InRange(Encoding.UTF8.GetByteCount(one.Socket), 1, 107);
        Assert.False(one.Socket.StartsWith(_folder, StringComparison.Ordinal));
        Assert.NotEqual(one.Socket, other.Socket);
    }

    [Fact]
    public void A_second_host_does_not_get_it_until_the_first_has_gone()
    {
        var first = new DataFolder(_folder);
        var refused = Assert.Throws<StartupException>(() => new DataFolder(_folder));
        Assert.Contains($"used by another process (pid {Environment.ProcessId})", refused.Message, StringComparison.Ordinal);

        first.Dispose();

        new DataFolder(_folder).Dispose();
    }
}
