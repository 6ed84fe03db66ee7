using System.Text.Json;
using Grpc.Core;
using Tertulia.Contracts;
using Tertulia.Notifications.Jobs;
using Tertulia.Notifications.Storage;

namespace Tertulia.Notifications.Admin;

/// <summary>What operators did here, for the audit log, which the message service keeps: a job in the round of what was done.</summary>
internal sealed class OperatorRecords(SecurityService.SecurityServiceClient security, TimeProvider time) : IJobHandler
{
    private const string KindName = "audit";
    private const string Operator = "operator"; // Who knows the internal secret; it says of nobody who that is.
    private const int MaxDetailChars = 256;
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(1);

    public string Kind => KindName;

    /// <summary>Writes down what an operator does. After the round, <see cref="JobStore.Ring"/>.</summary>
    public static Task AddAsync(IRound round, string action, string targetId, string detail, DateTimeOffset now)
    {
        var entry = new AuditEntry
        {
            Id = Guid.CreateVersion7(now).ToString(), AtMs = now.ToUnixTimeMilliseconds(), ActorId = Operator, Action = action, TargetId = Cut(targetId), Detail = Cut(detail),
        };
        return round.Jobs.PutAsync($"{KindName}:{entry.Id}", KindName, JsonSerializer.Serialize(new Record(entry.Id, entry.AtMs, action, entry.TargetId, entry.Detail)), now, now);
    }

    /// <summary>Put off while the message service does not answer.</summary>
    public async Task<JobResult> RunAsync(Job job, CancellationToken cancellationToken)
    {
        var record = JsonSerializer.Deserialize<Record>(job.Body)!;
        var entry = new AuditEntry
        {
            Id = record.Id, AtMs = record.AtMs, ActorId = Operator, Action = record.Action, TargetId = record.TargetId, Detail = record.Detail,
        };
        try
        {
            await security.RecordAuditAsync(entry, deadline: DateTime.UtcNow + Deadline, cancellationToken: cancellationToken);
            return JobResult.Done;
        }
        catch (RpcException) when (!cancellationToken.IsCancellationRequested)
        {
            return JobResult.Later(time.GetUtcNow() + Pauses.After(job.Attempts, FirstPause, LongestPause));
        }
    }

    private static string Cut(string text)
    {
        var clean = new string([.. text.Where(letter => !char.IsControl(letter))]);
        return clean.Length > MaxDetailChars ? clean[..MaxDetailChars] : clean;
    }

    private sealed record Record(string Id, long AtMs, string Action, string TargetId, string Detail);
}
