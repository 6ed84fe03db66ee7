using Microsoft.Extensions.Options;
using Tertulia.Contracts;
using Tertulia.Notifications.Jobs;
using Tertulia.Notifications.Storage;

namespace Tertulia.Notifications.Webhooks;

/// <summary>Decides what webhooks are told of rooms that become occupied or empty and of users who come and go: the difference between what presence says and what
/// each webhook was told last. Used by one follower.</summary>
/// <remarks>Which replica decides is stored, and every round looks: one that was replaced writes nothing any more. What is told and that it was told are one
/// round, and events alternate, whatever is killed.</remarks>
internal sealed class PresenceWebhooks(NotificationStore store, WebhookStore webhooks, JobStore jobs, IOptions<WebhookOptions> options, TimeProvider time)
{
    private const int AtOnce = 200;
    private const int PageOfTold = 1_000;

    private readonly HashSet<PresenceSubject> _present = [];
    private readonly HashSet<PresenceSubject> _came = [];
    private readonly Dictionary<PresenceSubject, long> _gone = [];
    private readonly Queue<(PresenceSubject One, long Since)> _goneInOrder = new();
    private bool _isComplete;
    private string? _wishes;

    /// <summary>This replica decides from now on.</summary>
    public Task TakeAsync(string replicaId, CancellationToken cancellationToken) => store.WriteAsync(
        async round =>
        {
            await round.Webhooks.SetPresenceOwnerAsync(replicaId);
            return true;
        },
        cancellationToken);

    /// <summary>Whether any webhook wants to be told.</summary>
    public async Task<bool> AreWantedAsync(CancellationToken cancellationToken) => (await WishesAsync(cancellationToken)).Length > 0;

    /// <summary>Presence is asked anew: all comes again.</summary>
    public void Begin()
    {
        _present.Clear();
        _came.Clear();
        _gone.Clear();
        _goneInOrder.Clear();
        (_isComplete, _wishes) = (false, null);
    }

    /// <summary>What presence says.</summary>
    public void Apply(ExistencePart part)
    {
        foreach (var one in part.OccupiedRooms.Select(PresenceSubject.Room).Concat(part.OnlineUsers.Select(PresenceSubject.User)))
        {
            _gone.Remove(one);
            if (_present.Add(one))
            {
                _came.Add(one);
            }
        }

        foreach (var one in part.VacatedRooms.Select(PresenceSubject.Room).Concat(part.OfflineUsers.Select(PresenceSubject.User)))
        {
            _present.Remove(one);
            Go(one);
        }

        _isComplete |= part.Complete;
    }

    /// <summary>Tells what is to be told now.</summary>
    /// <returns>False when nobody wants it, or another replica decides.</returns>
    public async Task<bool> TellAsync(string replicaId, CancellationToken cancellationToken)
    {
        var wishes = await WishesAsync(cancellationToken);
        if (wishes.Length == 0)
        {
            return false;
        }

        if (!_isComplete)
        {
            return true;
        }

        if (_wishes != wishes)
        {
            await CompareAsync(cancellationToken);
            _wishes = wishes;
        }

        foreach (var batch in _came.Chunk(AtOnce))
        {
            if (!await TryTellAsync(replicaId, batch, isPresent: true, cancellationToken))
            {
                return false;
            }

            _came.ExceptWith(batch);
        }

        while (TakeGone() is { Count: > 0 } batch)
        {
            if (!await TryTellAsync(replicaId, batch, isPresent: false, cancellationToken))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>A webhook is new, or was changed or enabled: everything is looked at again.</summary>
    private async Task CompareAsync(CancellationToken cancellationToken)
    {
        _came.UnionWith(_present);
        for (var after = ""; await webhooks.ToldPresentAsync(after, PageOfTold, cancellationToken) is { Count: > 0 } told; after = told[^1].Key)
        {
            foreach (var one in told.Where(one => !_present.Contains(one)))
            {
                Go(one);
            }
        }
    }

    private void Go(PresenceSubject one)
    {
        var now = time.GetTimestamp();
        if (_gone.TryAdd(one, now))
        {
            _goneInOrder.Enqueue((one, now));
        }
    }

    // Who came back, and went again, is in the queue twice: what counts is since when it is gone.
    private List<PresenceSubject> TakeGone()
    {
        List<PresenceSubject> due = [];
        while (due.Count < AtOnce && _goneInOrder.TryPeek(out var next) && time.GetElapsedTime(next.Since) >= options.Value.PresenceDelay)
        {
            _goneInOrder.Dequeue();
            if (_gone.TryGetValue(next.One, out var since) && since == next.Since)
            {
                _gone.Remove(next.One);
                due.Add(next.One);
            }
        }

        // Presence that was never told is not told to have ended.
        due.ForEach(one => _came.Remove(one));
        return due;
    }

    private async Task<bool> TryTellAsync(string replicaId, IReadOnlyCollection<PresenceSubject> subjects, bool isPresent, CancellationToken cancellationToken)
    {
        var isOurs = await store.WriteAsync(
            async round =>
            {
                if (!await round.Webhooks.IsPresenceOwnerAsync(replicaId))
                {
                    return false;
                }

                await webhooks.AddPresenceAsync(round, subjects, isPresent);
                return true;
            },
            cancellationToken);
        jobs.Ring();
        return isOurs;
    }

    private async Task<string> WishesAsync(CancellationToken cancellationToken) => string.Join(
        "\n\n", (await webhooks.ListAsync(cancellationToken)).Where(webhook => webhook is { DisabledAt: null, WantsPresence: true }).Select(webhook => webhook.PresenceWish));
}
