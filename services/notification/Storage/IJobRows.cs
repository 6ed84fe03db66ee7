using Tertulia.Notifications.Jobs;

namespace Tertulia.Notifications.Storage;

/// <summary>Jobs: each stays until it is done. A claim is one more each time that a job is given out; a version is one more each time that it is decided anew.</summary>
internal interface IJobRows
{
    /// <summary>Decides a job. One with the same key that waits takes the new body, and is due at the earlier time; one that is given out is done again afterwards, at the
    /// new time. After the round, <see cref="JobStore.Ring"/>.</summary>
    Task PutAsync(string key, string kind, string body, DateTimeOffset due, DateTimeOffset now);

    /// <summary>Puts a job into the error queue at once; one with the same key stays as it is.</summary>
    Task PutFailedAsync(string key, string kind, string body, string error, DateTimeOffset now);

    /// <summary>Ends a job together with what its handler writes.</summary>
    /// <returns>False when somebody else has it meanwhile: then nothing of this may be written.</returns>
    Task<bool> EndAsync(Job job);

    /// <summary>Gives out what is due.</summary>
    Task<List<JobMessage>> ClaimAsync(DateTimeOffset now, DateTimeOffset until, int limit);

    /// <summary>Takes back what was given out.</summary>
    Task ReleaseAsync(string key, long claim);

    /// <summary>Takes back all that was given out: nobody is there who has it.</summary>
    /// <returns>How many were.</returns>
    Task<int> ReleaseAllAsync();

    /// <summary>Takes up a job that was given out; null when it was done, or given out again.</summary>
    Task<Job?> BeginAsync(JobMessage message, DateTimeOffset until);

    /// <summary>Notes what became of a job. When it was decided anew meanwhile, it is due again, whatever became of it.</summary>
    Task NoteAsync(Job job, JobResult result, DateTimeOffset now);

    /// <summary>A page of the error queue, oldest first.</summary>
    Task<List<FailedJob>> ListFailedAsync(string kind, FailedJob? after, int limit);

    /// <summary>Gives jobs of the error queue another chance, at once.</summary>
    Task<int> ReplayAsync(string kind, string key, DateTimeOffset now);

    /// <summary>Gives jobs of the error queue up.</summary>
    Task<int> DropAsync(string kind, string key, DateTimeOffset now);
}
