using Tertulia.Testing;

namespace Tertulia.Architecture.Tests;

/// <summary>Who may reference whom.</summary>
public sealed class ReferenceTests
{
    private const string Contracts = "contracts/Tertulia.Contracts.csproj";
    private const string AllInOne = "services/allinone";

    /// <summary>A package that belongs to one adapter, and the only folder whose project may name it.</summary>
    public static TheoryData<string, string> Adapters => new()
    {
        { "RabbitMQ.Client", "services/shared/bus" },
        { "MassTransit", "services/notification" },
        { "MassTransit.RabbitMQ", "services/notification" },
        { "MongoDB.Driver", "services/shared/mongo" },
        { "Npgsql", "services/shared/sql" },
        { "Dapper", "services/shared/sql" },
        { "Microsoft.IdentityModel.JsonWebTokens", "services/connection" },
        { "Yarp.ReverseProxy", "gateway" },
    };

    [Fact]
    public void The_projects_are_found()
    {
        var folders = Projects.All.Select(project => project.Folder).ToArray();

        Assert.All(["contracts", "gateway", "services/connection", "services/message", "services/notification", "services/presence", "services/shared/bus", "services/shared/hosting", "services/shared/link", "services/shared/mongo", "services/shared/sql"],
            folder => Assert.Contains(folder, folders));
    }

    [Fact]
    public void Services_and_the_gateway_reference_contracts_and_what_is_shared_and_never_each_other()
    {
        var offences =
            from project in Projects.Under("services", "gateway")
            where project.Folder != AllInOne && !project.Folder.StartsWith("services/shared/", StringComparison.Ordinal)
            from reference in project.References
            where reference != Contracts && !reference.StartsWith("services/shared/", StringComparison.Ordinal)
            select $"{project.Path} -> {reference}";

        Assert.Empty(offences);
    }

    [Fact]
    public void What_is_shared_references_contracts_and_what_is_shared()
    {
        var offences =
            from project in Projects.Under("services/shared")
            from reference in project.References
            where reference != Contracts && !reference.StartsWith("services/shared/", StringComparison.Ordinal)
            select $"{project.Path} -> {reference}";

        Assert.Empty(offences);
    }

    [Fact]
    public void Contracts_reference_nothing() => Assert.Empty(Projects.Under("contracts").SelectMany(project => project.References));

    [Fact]
    public void The_gateway_has_no_bus() =>
        Assert.DoesNotContain(Projects.Under("gateway").SelectMany(project => project.References), reference => reference.Contains("/bus/", StringComparison.Ordinal));

    /// <summary>A door translates for one dialect: what is behind it knows commands and events only, and <c>DoorSetup</c> lists the doors. The HTTP door's bodies and
    /// answers have the fields of the native one's frames: it reads and writes them with that one's JSON.</summary>
    [Fact]
    public void What_is_behind_the_doors_of_a_connection_node_knows_no_dialect()
    {
        var node = Path.Combine(Repository.Root, "services/connection");
        var doors = Directory.GetDirectories(Path.Combine(node, "Doors")).Select(door => Path.GetFileName(door)!).ToArray();
        var offences =
            from file in Directory.EnumerateFiles(node, "*.cs", SearchOption.AllDirectories)
            let path = Path.GetRelativePath(node, file).Replace('\\', '/')
            where path != "Doors/DoorSetup.cs" && !path.StartsWith("bin/", StringComparison.Ordinal) && !path.StartsWith("obj/", StringComparison.Ordinal)
            let text = File.ReadAllText(file)
            from door in doors
            where !path.StartsWith($"Doors/{door}/", StringComparison.Ordinal) && !(door == "Native" && path.StartsWith("Doors/Http/", StringComparison.Ordinal)) && text.Contains($"Doors.{door}", StringComparison.Ordinal)
            select $"{path} names {door}";

        Assert.Contains("Native", doors);
        Assert.Empty(offences);
    }

    [Fact]
    public void Nothing_that_ships_references_what_does_not()
    {
        string[] ours = ["tests/", "bench/", "tools/"];
        var offences =
            from project in Projects.Under("services", "gateway", "contracts", "clients")
            from reference in project.References
            where ours.Any(folder => reference.StartsWith(folder, StringComparison.Ordinal))
            select $"{project.Path} -> {reference}";

        Assert.Empty(offences);
    }

    [Theory]
    [MemberData(nameof(Adapters))]
    public void The_library_of_an_adapter_is_named_by_the_project_that_owns_it_and_by_no_other_that_ships(string package, string folder)
    {
        var users = Projects.Under("services", "gateway", "contracts", "clients").Where(project => project.Packages.Contains(package)).Select(project => project.Folder);

        Assert.DoesNotContain(users, user => user != folder);
    }
}
