using Tertulia.Testing;
using Xunit.Abstractions;
using Xunit.Sdk;

[assembly: TestFramework("Tertulia.Conformance.Mongo.ConformanceTestFramework", "Tertulia.Conformance.Tests")]

namespace Tertulia.Conformance.Mongo;

/// <summary>One MongoDB for all tests of the collection; each has a database of its own in it.</summary>
public sealed class MongoServer : IAsyncLifetime
{
    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"tertulia-mongodb-{Guid.NewGuid():N}");

    public PrivateMongo Server { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(3)); // An image may have to be fetched.
        Directory.CreateDirectory(_folder);
        Server = await PrivateMongo.StartAsync(Path.Combine(_folder, "data"), Path.Combine(_folder, "mongodb.log"), deadline.Token);
    }

    public async Task DisposeAsync()
    {
        await Server.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>A name that no other database has, on whatever server.</summary>
    public static string NewDatabase() => $"tertulia_test_{Guid.NewGuid():N}"[..30];

    /// <summary>Of a database on it.</summary>
    public StoreOptions OptionsOf(string database) =>
        new() { Kind = StoreKind.MongoDb, ConnectionString = Server.ConnectionString(database), CommandTimeout = TimeSpan.FromSeconds(10) };
}

[CollectionDefinition(Name)]
public sealed class MongoGroup : ICollectionFixture<MongoServer>
{
    public const string Name = "MongoDB";
}

/// <summary>xunit's own, without the classes that need a MongoDB where there is none: they are not run, and <c>tests/run.sh</c> says so.</summary>
public sealed class ConformanceTestFramework(IMessageSink messages) : XunitTestFramework(messages)
{
    protected override ITestFrameworkDiscoverer CreateDiscoverer(IAssemblyInfo assemblyInfo) => new Discoverer(assemblyInfo, SourceInformationProvider, DiagnosticMessageSink);

    private sealed class Discoverer(IAssemblyInfo assembly, ISourceInformationProvider sources, IMessageSink messages)
        : XunitTestFrameworkDiscoverer(assembly, sources, messages)
    {
        private readonly Lazy<bool> _hasMongo = new(() => PrivateMongo.FindAsync(CancellationToken.None).GetAwaiter().GetResult().IsThere);

        protected override bool IsValidTestClass(ITypeInfo type) => base.IsValidTestClass(type) && (!NeedsMongo(type) || _hasMongo.Value);

        private static bool NeedsMongo(ITypeInfo type) => type.GetCustomAttributes(typeof(TraitAttribute))
            .Any(trait => trait.GetConstructorArguments().SequenceEqual([Needs.Trait, Needs.MongoDb]));
    }
}
