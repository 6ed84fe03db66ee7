using System.Globalization;
using System.Text.RegularExpressions;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Architecture.Tests;

/// <summary>Each error code once: in the contract, in the catalog, in the protocol.</summary>
public sealed partial class ErrorCatalogTests
{
    private static readonly ErrorCode[] Codes = [.. Enum.GetValues<ErrorCode>().Where(code => code != ErrorCode.Unspecified)];

    [Fact]
    public void Every_code_is_in_the_catalog_exactly_once()
    {
        var entries = ErrorCatalog.All.ToArray();

        Assert.Equal(Codes.Order(), entries.Select(entry => entry.Code).Order());
        Assert.Equal(entries.Length, entries.Select(entry => entry.Name).Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(Codes.Length, Codes.Select(code => (int)code).Distinct().Count());
        Assert.All(Codes, code => Assert.Equal(code, ErrorCatalog.Of(code).Code));
    }

    [Fact]
    public void A_name_is_the_contract_s_own_and_a_status_belongs_to_the_number()
    {
        var values = ErrorsReflection.Descriptor.EnumTypes.Single(type => type.Name == nameof(ErrorCode)).Values;
        Assert.All(ErrorCatalog.All, entry =>
        {
            Assert.Equal(values.Single(value => value.Number == (int)entry.Code).Name, $"ERROR_CODE_{entry.Name.ToUpperInvariant()}");
            Assert.Equal((int)entry.Code / 10_000, entry.Status / 100);
            Assert.NotEmpty(entry.Message);
        });
    }

    [Fact]
    public void The_protocol_lists_the_same_codes_names_and_which_are_temporary()
    {
        var protocol = File.ReadAllText(Path.Combine(Repository.Root, "docs/protocol.md"));
        var section = protocol[protocol.IndexOf("## 7. Errors", StringComparison.Ordinal)..];
        section = section[..section.IndexOf("Close codes", StringComparison.Ordinal)];
        var listed = Listed().Matches(section).ToDictionary(
            match => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture), match => match.Groups[2].Value);

        Assert.Equal(ErrorCatalog.All.ToDictionary(entry => (int)entry.Code, entry => entry.Name), listed);
        Assert.All(Listed().Matches(section).Where(match => match.Groups[3].Value.Contains("temporary", StringComparison.Ordinal)),
            match => Assert.True(ErrorCatalog.All.Single(entry => entry.Name == match.Groups[2].Value).Temporary));
    }

    [Fact]
    public void A_code_that_nobody_knows_is_internal() => Assert.Equal(ErrorCode.Internal, ErrorCatalog.Of((ErrorCode)1).Code);

    [GeneratedRegex(@"\b(\d{5}) (\w+)(?: \(([^)]*)\))?")]
    private static partial Regex Listed();
}
