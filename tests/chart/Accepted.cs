using Tertulia.Testing;

namespace Tertulia.Chart.Tests;

/// <summary>Files that are made and kept: <c>TERTULIA_ACCEPT_CHART=1 ./dev test chart</c> writes them again.</summary>
internal static class Accepted
{
    private const string Accept = "TERTULIA_ACCEPT_CHART";

    public static void Check(string path, string now)
    {
        if (Environment.GetEnvironmentVariable(Accept) == "1")
        {
            File.WriteAllText(path, now);
            return;
        }

        var before = File.Exists(path) ? File.ReadAllText(path) : "";
        var lines = before.Split('\n').Zip(now.Split('\n')).Select((pair, index) => (pair.First, pair.Second, Line: index + 1));
        var first = lines.FirstOrDefault(pair => pair.First != pair.Second);
        Assert.True(
            before == now,
            $"{Path.GetRelativePath(Repository.Root, path)} is stale at line {first.Line}:\n- {first.First}\n+ {first.Second}\nWhen that is meant: {Accept}=1 ./dev test chart");
    }
}
