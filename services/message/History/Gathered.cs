namespace Tertulia.Messages.History;

/// <summary>Asks once for what many callers want at the same time: while two questions are under way, the next one gathers.</summary>
/// <remarks>What a caller is told was read after the caller asked. Nothing waits by the clock: who is alone asks at once.</remarks>
/// <typeparam name="TKey">What is asked for.</typeparam>
/// <typeparam name="TAnswer">The answer to several of them.</typeparam>
/// <param name="ask">Asks the store, to its own end.</param>
internal sealed class Gathered<TKey, TAnswer>(Func<IReadOnlyCollection<TKey>, Task<TAnswer>> ask)
{
    private const int AtOnce = 2; // One that hangs does not hold up the others.

    private readonly Lock _gate = new();
    private Question? _next;
    private int _asking;

    /// <returns>The answer to this key and to those that were asked with it.</returns>
    public Task<TAnswer> AskAsync(TKey key)
    {
        Question question;
        lock (_gate)
        {
            question = _next ??= new Question();
            question.Keys.Add(key);
            if (_asking == AtOnce)
            {
                return question.Answer.Task;
            }

            (_asking, _next) = (_asking + 1, null);
        }

        _ = RunAsync(question); // Never fails; its outcome is the answer.
        return question.Answer.Task;
    }

    private async Task RunAsync(Question? question)
    {
        while (question is not null)
        {
            try
            {
                question.Answer.SetResult(await ask(question.Keys));
            }
            catch (Exception exception)
            {
                question.Answer.SetException(exception);
            }

            lock (_gate)
            {
                (question, _next) = (_next, null);
                _asking -= question is null ? 1 : 0;
            }
        }
    }

    private sealed class Question
    {
        public HashSet<TKey> Keys { get; } = [];

        public TaskCompletionSource<TAnswer> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
