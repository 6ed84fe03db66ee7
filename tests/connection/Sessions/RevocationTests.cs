using Grpc.Core;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Tests.Auth;
using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Sessions;

/// <summary>A token that is void ends what was begun with it, and begins nothing any more.</summary>
public sealed class RevocationTests : IAsyncLifetime
{
    private readonly List<Revocation> _all = [];
    private TestNode _node = null!;
    private bool _isAway;
    private string _epoch = "e1";

    private long NowMs => _node.Time.GetUtcNow().ToUnixTimeMilliseconds();

    public async Task InitializeAsync()
    {
        _node = await TestNode.StartAsync();
        _node.Calls.On<ListRevocationsRequest, ListRevocationsReply>("ListRevocations", request =>
        {
            if (_isAway)
            {
                throw new RpcException(new Status(StatusCode.Unavailable, "away"));
            }

            lock (_all)
            {
                var anew = request.Epoch != _epoch;
                return new ListRevocationsReply
                {
                    Epoch = _epoch, Anew = anew, Revocations = { _all.Where(revocation => revocation.Number > (anew ? 0 : request.After)) },
                };
            }
        });
    }

    public async Task DisposeAsync() => await _node.DisposeAsync();

    [Fact]
    public async Task A_token_ends_its_session_and_no_other_one_of_the_user()
    {
        var stolen = await ConnectAsync("ana", tokenId: "t1");
        var own = await ConnectAsync("ana", tokenId: "t2");

        await RevokeAsync(tokenId: "t1");

        await ClosedAsync(stolen);
        await own.HasNothingMoreAsync();
    }

    [Fact]
    public async Task A_user_is_out_and_comes_back_with_a_token_that_was_issued_later()
    {
        var ana = await ConnectAsync("ana");
        var bruno = await ConnectAsync("bruno");

        await RevokeAsync(userId: "ana");

        await ClosedAsync(ana);
        await bruno.HasNothingMoreAsync();
        Assert.Equal(ErrorCode.TokenRevoked, await ErrorOfAsync(Token("ana", issuedAtMs: NowMs)));
        Assert.Equal(ErrorCode.TokenRevoked, await ErrorOfAsync(Token("ana", issuedAtMs: null)));
        Assert.Equal(ErrorCode.Unspecified, await ErrorOfAsync(Token("bruno", issuedAtMs: null)));
        _node.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(ErrorCode.Unspecified, await ErrorOfAsync(Token("ana", issuedAtMs: NowMs)));
    }

    [Fact]
    public async Task A_room_is_left_by_all_who_are_in_it_and_grants_nothing_to_their_tokens()
    {
        var inside = await ConnectAsync("ana");
        await JoinAsync(inside, "lobby");
        var outside = await ConnectAsync("ana");

        await RevokeAsync(roomId: "lobby");

        await ClosedAsync(inside);
        await outside.HasNothingMoreAsync();
        await outside.JoinAsync("lobby");
        Assert.Equal(new Grant(), (await _node.CommandAsync(Command.BodyOneofCase.Join)).Actor.Grant);
        await outside.JoinAsync("hall");
        Assert.Null((await _node.CommandAsync(Command.BodyOneofCase.Join)).Actor.Grant);
    }

    [Fact]
    public async Task Of_a_user_in_a_room_the_others_stay()
    {
        var (ana, bruno) = (await ConnectAsync("ana"), await ConnectAsync("bruno"));
        await JoinAsync(ana, "lobby");
        await JoinAsync(bruno, "lobby");

        await RevokeAsync(userId: "ana", roomId: "lobby");

        await ClosedAsync(ana);
        await bruno.HasNothingMoreAsync();
    }

    [Fact]
    public async Task A_node_that_was_cut_off_learns_what_it_missed_and_of_a_restored_store_what_is_there()
    {
        var ana = await ConnectAsync("ana");
        var bruno = await ConnectAsync("bruno");
        _isAway = true;
        Add(userId: "ana");
        await Assert.ThrowsAsync<RpcException>(() => Feed.ReadAsync(CancellationToken.None));
        _isAway = false;

        await Feed.ReadAsync(CancellationToken.None);
        await ClosedAsync(ana);

        (_epoch, _) = ("e2", _all.RemoveAll(_ => true));
        Add(userId: "bruno"); // Its number was another one's before.
        await Feed.ReadAsync(CancellationToken.None);
        await ClosedAsync(bruno);
        Assert.Equal(ErrorCode.Unspecified, await ErrorOfAsync(Token("ana", issuedAtMs: NowMs)));
    }

    [Fact]
    public async Task A_session_that_begins_in_the_moment_of_the_revocation_is_closed_by_the_next_look()
    {
        await RevokeAsync(userId: "ana");
        var ana = await ConnectAsync("ana", issuedAtMs: NowMs); // Admitted before the node knew.

        _node.Of<Heartbeat>().Look();

        await ClosedAsync(ana);
    }

    [Fact]
    public async Task An_open_session_does_not_take_a_token_that_is_void_and_stays_what_it_is()
    {
        var ana = await ConnectAsync("ana", tokenId: "t1");
        await RevokeAsync(tokenId: "t9");

        await ana.SendAsync(new AuthCommand { Token = Token("ana", NowMs, tokenId: "t9") });

        Assert.Equal(40104, (await ana.NextAsync("error", "why")).Code);
        await ana.HasNothingMoreAsync();
    }

    [Fact]
    public async Task A_token_of_before_takes_the_session_out_of_the_room_that_is_revoked()
    {
        var before = Token("ana", NowMs);
        await RevokeAsync(userId: "ana", roomId: "lobby");
        _node.Time.Advance(TimeSpan.FromSeconds(1));
        var ana = await ConnectAsync("ana", issuedAtMs: NowMs);
        await JoinAsync(ana, "lobby");

        await ana.SendAsync(new AuthCommand { Token = before });
        await ana.NextAsync("auth_ok", "the new token");

        Assert.Equal(40301, (await ana.NextAsync("error", "why")).Code);
        Assert.Equal("lobby", (await ana.NextAsync("left", "what")).Text("room_id"));
    }

    [Fact]
    public async Task What_has_ended_is_forgotten()
    {
        await RevokeAsync(userId: "ana");
        _node.Time.Advance(TimeSpan.FromMinutes(11));

        Assert.Equal(ErrorCode.Unspecified, await ErrorOfAsync(Token("ana", issuedAtMs: null)));
    }

    private RevocationFeed Feed => _node.Of<RevocationFeed>();

    private async Task<TestClient> ConnectAsync(string userId, string? tokenId = null, long? issuedAtMs = null)
    {
        var caller = new Caller(userId, userId, "user", null, null, null, tokenId)
        {
            IssuedAt = DateTimeOffset.FromUnixTimeMilliseconds(issuedAtMs ?? NowMs), Revocations = _node.Of<Revocations>(),
        };
        var client = _node.NewClient(new SessionOpening(caller, null, null, null, null));
        await client.OpenAsync();
        await client.NextAsync("connected", "the greeting");
        return client;
    }

    private async Task JoinAsync(TestClient client, string roomId)
    {
        _node.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", _ => new Snapshot { Epoch = TestNode.Epoch, Seq = 5 });
        await client.JoinAsync(roomId);
        await _node.AdmitAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), seq: 5);
        await client.NextAsync("joined", "it is in");
        await Eventually.CompletesAsync(client.Session.Calls.WhenIdleAsync(), "the join is over");
    }

    private void Add(string tokenId = "", string userId = "", string roomId = "")
    {
        lock (_all)
        {
            _all.Add(new Revocation
            {
                Number = _all.Count + 1, TokenId = tokenId, UserId = userId, RoomId = roomId, RevokedAtMs = NowMs, ExpiresAtMs = NowMs + 600_000,
            });
        }
    }

    private async Task RevokeAsync(string tokenId = "", string userId = "", string roomId = "")
    {
        Add(tokenId, userId, roomId);
        await Feed.ReadAsync(CancellationToken.None);
    }

    private static async Task ClosedAsync(TestClient client)
    {
        Assert.Equal(40104, (await client.NextAsync("error", "why")).Code);
        Assert.Equal((int)CloseCode.Revoked, (await Eventually.CompletesAsync(client.Stream.Closed, "the close frame")).Code);
    }

    private async Task<ErrorCode> ErrorOfAsync(string token) => (await _node.Of<TokenValidator>().ValidateAsync(token, CancellationToken.None)).Error;

    private string Token(string userId, long? issuedAtMs, string? tokenId = null)
    {
        var claims = new Dictionary<string, object> { ["sub"] = userId, ["exp"] = (NowMs / 1000) + 3600 };
        if (issuedAtMs is { } issued)
        {
            claims["iat"] = issued / 1000.0;
        }

        if (tokenId is not null)
        {
            claims["jti"] = tokenId;
        }

        return TokenIssuer.Hs256(claims, TestNode.Secret);
    }
}
