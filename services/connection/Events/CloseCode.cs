namespace Tertulia.Connections.Events;

/// <summary>WebSocket close codes of PROTOCOL §7. 4000 to 4499: reconnect and resume. 4500 to 4999: do not come back.</summary>
internal enum CloseCode
{
    /// <summary>Done (RFC 6455, 7.4.1).</summary>
    Normal = 1000,

    /// <summary>A frame or message above the limit (RFC 6455, 7.4.1).</summary>
    TooBig = 1009,

    Internal = 4000,
    Draining = 4001,
    HeartbeatTimeout = 4002,
    SlowConsumer = 4003,
    TokenExpired = 4004,
    StateInvalid = 4005,
    Rebalance = 4006,
    RateLimited = 4007,
    BadFrame = 4500,
    InvalidToken = 4501,
    AuthTimeout = 4502,
    Revoked = 4503,
    ConnectionLimit = 4504,
    UnsupportedVersion = 4505,
    Kicked = 4506,
    OriginNotAllowed = 4508,
}
