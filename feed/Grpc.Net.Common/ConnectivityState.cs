namespace Grpc.Core;

/// <summary>The state of a channel (https://github.com/grpc/grpc/blob/master/doc/connectivity-semantics-and-api.md).</summary>
public enum ConnectivityState
{
    Idle,
    Connecting,
    Ready,
    TransientFailure,
    Shutdown,
}
