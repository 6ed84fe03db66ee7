using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>The whole product in one process, for one test class.</summary>
public sealed class AllInOneFixture : IAsyncLifetime
{
    private AllInOneProcess? _product;

    public AllInOneProcess Product => _product ?? throw new InvalidOperationException("The product did not start");

    public async Task InitializeAsync()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        _product = await AllInOneProcess.StartAsync(
            new Dictionary<string, string>
            {
                ["Limits__EventsPerMinute"] = "0",
                ["Limits__RoomsCreatedPerHour"] = "0",
                ["Egress__AllowHttp"] = "true",
                ["Egress__AllowedNetworks__0"] = "127.0.0.0/8",
                ["Internal__Secret"] = Operator.Secret,
                ["Jobs__Lease"] = "00:00:30", // What a killed process had under way goes on after it.
                ["Push__CollapseWindow"] = "00:00:05",
                ["Webhooks__PresenceDelay"] = "00:00:01",
            },
            deadline.Token);
    }

    /// <summary>Starts the product again after a test has ended it, on the same folder.</summary>
    public async Task RestartAsync()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        await Product.Process.RestartAsync(deadline.Token);
    }

    public async Task DisposeAsync()
    {
        if (_product is not null)
        {
            await _product.DisposeAsync();
        }
    }
}
