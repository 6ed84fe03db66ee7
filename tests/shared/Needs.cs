namespace Tertulia.Testing;

/// <summary>What a test needs beside the SDK, by the name of the Debian package that brings it: <c>[Trait(Needs.Trait, Needs.Postgres)]</c>.</summary>
/// <remarks><c>tests/needs.sh</c> says what a machine does not have; <c>tests/run.sh</c> leaves out the tests that need it, and names them.</remarks>
public static class Needs
{
    /// <summary>Name of the trait.</summary>
    public const string Trait = "Needs";

    /// <summary>A broker of the tests' own.</summary>
    public const string RabbitMq = "rabbitmq-server";

    /// <summary>A database server of the tests' own.</summary>
    public const string Postgres = "postgresql";

    /// <summary>Prometheus and <c>promtool</c>, for the alerts and dashboards of the chart.</summary>
    public const string Prometheus = "prometheus";

    /// <summary>A browser.</summary>
    public const string Chromium = "chromium";

    /// <summary>The library of the Python program in tests/integration/seeds.</summary>
    public const string PythonWebSockets = "python3-websockets";

    /// <summary>Helm and the models of Kubernetes, which tests/chart/fetch.sh gets from npm.</summary>
    public const string Helm = "helm";

    /// <summary>A MongoDB (<c>tests/mongodb.sh</c>). Where none can be had its tests are not discovered, and <c>tests/run.sh</c> says so.</summary>
    public const string MongoDb = "mongodb";
}
