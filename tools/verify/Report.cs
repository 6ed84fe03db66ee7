using System.Globalization;
using Tertulia.Testing;

namespace Tertulia.Verify;

/// <summary>What the person reads.</summary>
internal static class Report
{
    /// <summary>More are not printed: the first ones tell what went wrong.</summary>
    private const int MostViolations = 50;

    public static void Write(TextWriter output, RoomLoad load, TimeSpan joined, TimeSpan took, IReadOnlyList<string> violations)
    {
        var codes = load.Clients.SelectMany(client => client.CloseCodes).GroupBy(code => code).OrderBy(codes => codes.Key)
            .Select(codes => string.Create(CultureInfo.InvariantCulture, $"{codes.Count()} × {codes.Key}")).ToArray();
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""

            joined         {load.Clients.Count} clients in {joined.TotalSeconds:0.0} s
            acknowledged   {load.Acknowledged} messages
            shown          {load.Clients.Sum(client => client.Transcript.Shown.Count)} messages, all clients together
            reconnections  {(codes.Length == 0 ? "none" : string.Join(", ", codes))}
            took           {took.TotalSeconds:0.0} s
            violations     {violations.Count}
            """));
        foreach (var violation in violations.Take(MostViolations))
        {
            output.WriteLine($"  {violation}");
        }

        output.WriteLine(violations.Count == 0
            ? "VERDICT: passed. Nothing acknowledged was lost, nothing was shown twice or out of order, all read the same."
            : "VERDICT: FAILED.");
    }
}
