using Tertulia.Secrets;

if (args.Length < 2 || WantedKey.TryParseAll(args[1..]) is not { } wanted)
{
    await Console.Error.WriteLineAsync("""
        Tertulia.Secrets NAME KEY=BYTES...
        Makes the keys of a Kubernetes secret that are missing, each from so many random bytes, in hexadecimal. What is there is left alone.
        """);
    return 2;
}

try
{
    using var cluster = ClusterApi.FromPod();
    var made = await new SecretMaker(cluster, Console.Out).EnsureAsync(args[0], wanted, CancellationToken.None);
    await Console.Out.WriteLineAsync(made.Count == 0 ? $"{args[0]} has all keys." : $"{args[0]}: made {string.Join(", ", made)}.");
    return 0;
}
catch (Exception failed) when (failed is InvalidOperationException or HttpRequestException or IOException)
{
    await Console.Error.WriteLineAsync(failed.Message);
    return 1;
}
