using Microsoft.Extensions.Options;
using Tertulia.Notifications.Storage;

namespace Tertulia.Notifications.Push;

/// <summary>The VAPID keys of this installation: configured, or made once by the first replica that needs them and kept in the store.</summary>
internal sealed class Vapid(NotificationStore store, IOptions<PushOptions> options, TimeProvider time) : IDisposable
{
    private readonly SemaphoreSlim _gate = new(1, 1);
    private VapidTokens? _tokens;
    private VapidKeys? _keys;

    /// <summary>What browsers subscribe with.</summary>
    /// <exception cref="Sql.StoreUnavailableException">The keys are in the store, which does not answer.</exception>
    public async Task<string> PublicKeyAsync(CancellationToken cancellationToken)
    {
        await TokensAsync(cancellationToken);
        return _keys!.PublicKey;
    }

    /// <summary>What requests are signed with.</summary>
    /// <inheritdoc cref="PublicKeyAsync" path="/exception"/>
    public async Task<VapidTokens> TokensAsync(CancellationToken cancellationToken)
    {
        if (Volatile.Read(ref _tokens) is { } tokens)
        {
            return tokens;
        }

        await _gate.WaitAsync(cancellationToken);
        try
        {
            if (_tokens is null)
            {
                _keys = await KeysAsync(cancellationToken);
                Volatile.Write(ref _tokens, new VapidTokens(_keys, options.Value.Contact, time));
            }

            return _tokens;
        }
        finally
        {
            _gate.Release();
        }
    }

    public void Dispose()
    {
        _tokens?.Dispose();
        _gate.Dispose();
    }

    private Task<VapidKeys> KeysAsync(CancellationToken cancellationToken)
    {
        if (options.Value is { PublicKey: { Length: > 0 } publicKey, PrivateKey: { Length: > 0 } privateKey })
        {
            return Task.FromResult(new VapidKeys(publicKey, privateKey));
        }

        var made = VapidKeys.Generate();
        return store.WriteAsync(round => round.Devices.KeysAsync(made), cancellationToken);
    }
}
