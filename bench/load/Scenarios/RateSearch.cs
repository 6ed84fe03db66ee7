namespace Tertulia.Load.Scenarios;

/// <summary>Looks for the highest rate that holds, with few tries.</summary>
/// <remarks>A rate fails when it fails twice in a row: one pause of a shared machine ends no search.</remarks>
/// <param name="start">The first rate.</param>
/// <param name="growth">Factor between rates until the first failure; down by the same until the first success.</param>
/// <param name="closeEnough">Factor between the highest that holds and the lowest that does not at which it ends.</param>
internal sealed class RateSearch(double start, double growth, double closeEnough)
{
    private double? _holds;
    private double? _fails;
    private bool _failedOnce;

    /// <summary>The rate to try.</summary>
    public double Next { get; private set; } = start;

    /// <summary>Whether the two are close.</summary>
    public bool IsDone => _fails / _holds < closeEnough || Next < 1;

    /// <summary>What became of <see cref="Next"/>.</summary>
    public void Tell(bool holds)
    {
        if (!holds && !_failedOnce)
        {
            _failedOnce = true;
            return;
        }

        _failedOnce = false;
        _holds = holds ? Next : _holds;
        _fails = holds ? _fails : Next;
        Next = (_holds, _fails) switch
        {
            ({ } good, { } bad) => Math.Sqrt(good * bad),
            ({ } good, null) => good * growth,
            (null, { } bad) => bad / growth,
            _ => Next,
        };
    }
}
