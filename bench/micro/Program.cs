using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Running;
using Tertulia.MicroBench;

// The hot path piece by piece, with what it allocates: ./dev bench micro [--filter '*FanOut*'] [--job Dry]
string[] all = ["--filter", "*"];
BenchmarkSwitcher.FromAssembly(typeof(Frames).Assembly)
    .Run(args.Contains("--filter") || args.Contains("--list") ? args : [.. all, .. args], DefaultConfig.Instance.AddDiagnoser(MemoryDiagnoser.Default));
