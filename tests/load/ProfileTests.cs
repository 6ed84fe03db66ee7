using Tertulia.Load.Contenders;
using Tertulia.Load.Measuring;
using Tertulia.Load.Profiling;

namespace Tertulia.Load.Tests;

public sealed class ProfileTests
{
    [Theory]
    [InlineData("[.] void [Tertulia.Connections] Tertulia.Connections.Events.Outbox::Flush(bool,class X)[Tier1]", "Tertulia.Connections.Events.Outbox::Flush")]
    [InlineData(
        "[.] instance valuetype [System.Runtime]System.Threading.Tasks.ValueTask [Lib] Ns.Type+<RunAsync>d__31::MoveNext()[OptimizedTier1]",
        "Ns.Type+<RunAsync>d__31::MoveNext")]
    [InlineData("[k]  tcp_sendmsg_locked", "tcp_sendmsg_locked")]
    [InlineData("[.] clock_gettime@@GLIBC_2.17", "clock_gettime@@GLIBC_2.17")]
    public void A_name_is_a_type_and_a_method(string symbol, string name) => Assert.Equal(name, Profile.Shorten(symbol));

    [Fact]
    public void A_profiled_run_of_node_writes_its_own_log_beside_the_others() =>
        Assert.Equal(["--logfile=/results/logs/socketio-1.v8.log", "--no-logfile-per-isolate", "server.mjs"], Lineup.NodeArguments("/results/logs/socketio-1.log", "server.mjs"));

    [Fact]
    public void Threads_of_one_process_are_added_up_and_those_of_others_left_out()
    {
        string[][] rows =
        [
            ["5.00%", "1.00%", "11:.NET TP Worker", "[k] write"], ["4.00%", "0.50%", "12:.NET Sockets", "[.] memcpy"],
            ["3.00%", "2.00%", "12:.NET Sockets", "[k] write"], ["9.00%", "9.00%", "99:beam", "[k] write"],
        ];

        Assert.Equal([["8.00%", "3.00%", "[k] write"], ["4.00%", "0.50%", "[.] memcpy"]], Sampling.Of([11, 12], rows, shares: 2));
    }

    [Fact]
    public void Shares_are_of_the_process_and_processes_that_did_little_are_left_out()
    {
        var window = new Window(100, 10, 1000, 2000, null, null, new Dictionary<string, double> { ["busy"] = 9.9, ["idle"] = 0.1 }, 0, 0, 0, 0, 0, [], 0, null);
        var profile = new Profile(window,
        [
            new ProcessProfile("busy",
                [["30.00%", "worker", "[kernel.kallsyms]"], ["10.00%", "worker", "/usr/lib/libc.so.6"]],
                [["30.00%", "[kernel.kallsyms]", "[k] write"], ["10.00%", "/usr/lib/libc.so.6", "[.] memcpy"]],
                [["40.00%", "0.00%", "[.] start_thread"], ["20.00%", "0.00%", "[.] 0x0000000000001234"]]),
            new ProcessProfile("idle", [], [], []),
        ]);

        var text = profile.ToMarkdown("Title");

        Assert.Contains("| busy | 99.0% | 9900 |", text, StringComparison.Ordinal);
        Assert.Contains("| 75.0% | `write` | kernel |", text, StringComparison.Ordinal);
        Assert.Contains("| 25.0% | `memcpy` | libc.so.6 |", text, StringComparison.Ordinal);
        Assert.Contains("| 100.0% | 0.0% | `start_thread` |", text, StringComparison.Ordinal);
        Assert.DoesNotContain("0x0000", text, StringComparison.Ordinal);
        Assert.DoesNotContain("### idle", text, StringComparison.Ordinal);
    }
}
