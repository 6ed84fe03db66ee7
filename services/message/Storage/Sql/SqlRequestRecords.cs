using System.Data.Common;

namespace Tertulia.Messages.Storage.Sql;

/// <summary>Requests with a key on SQLite or PostgreSQL.</summary>
internal sealed class SqlRequestRecords(ISqlDialect dialect) : IRequestRecords
{
    private const string Take = """
        insert into requests (user_id, request_id, fingerprint, claim, answer, until_ms) values (@user, @request, @fingerprint, @claim, null, @until)
        on conflict (user_id, request_id) do update set fingerprint = excluded.fingerprint, claim = excluded.claim, answer = null, until_ms = excluded.until_ms
        where requests.until_ms <= @now
        returning claim
        """;

    private const string Find = "select fingerprint, answer from requests where user_id = @user and request_id = @request and until_ms > @now";
    private const string Count = "select count(*) from requests where user_id = @user";
    private const string Finish = """
        update requests set answer = @answer, until_ms = @until where user_id = @user and request_id = @request and claim = @claim and answer is null
        """;

    private const string Release = "delete from requests where user_id = @user and request_id = @request and claim = @claim and answer is null";
    private const string Forget = "delete from requests where until_ms <= @now";

    public Task<(bool Taken, RequestRecord? Known)> BeginAsync(RequestClaim claim, int max, CancellationToken cancellationToken) =>
        dialect.TryAsync(() => dialect.WriteAsync(async command =>
        {
            Add(command, ("user", claim.UserId), ("request", claim.RequestId), ("now", claim.NowMs));
            if (await FindAsync(command) is { } known)
            {
                return (false, known);
            }

            if (max < int.MaxValue && await CountAsync(command) >= max)
            {
                return (false, null);
            }

            Add(command, ("fingerprint", claim.Fingerprint), ("claim", claim.Claim), ("until", claim.UntilMs));
            command.CommandText = Take;
            return await command.ExecuteScalarAsync(CancellationToken.None) is not null
                ? (true, null)
                : (false, await FindAsync(command) ?? new RequestRecord(claim.Fingerprint, [])); // Another attempt came in between.
        }), cancellationToken);

    public Task FinishAsync(string userId, string requestId, string claim, byte[] answer, long untilMs, CancellationToken cancellationToken) =>
        RunAsync(Finish, cancellationToken, ("user", userId), ("request", requestId), ("claim", claim), ("answer", answer), ("until", untilMs));

    public Task ReleaseAsync(string userId, string requestId, string claim, CancellationToken cancellationToken) =>
        RunAsync(Release, cancellationToken, ("user", userId), ("request", requestId), ("claim", claim));

    public Task ForgetAsync(long nowMs, CancellationToken cancellationToken) => RunAsync(Forget, cancellationToken, ("now", nowMs));

    private Task<int> RunAsync(string sql, CancellationToken cancellationToken, params (string Name, object Value)[] parameters) =>
        dialect.TryAsync(() => dialect.WriteAsync(command =>
        {
            Add(command, parameters);
            command.CommandText = sql;
            return command.ExecuteNonQueryAsync(CancellationToken.None);
        }), cancellationToken);

    private static async Task<RequestRecord?> FindAsync(DbCommand command)
    {
        command.CommandText = Find;
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        return await reader.ReadAsync(CancellationToken.None)
            ? new RequestRecord(reader.GetString(0), reader.IsDBNull(1) ? [] : reader.GetFieldValue<byte[]>(1))
            : null;
    }

    private static async Task<long> CountAsync(DbCommand command)
    {
        command.CommandText = Count;
        return (long)(await command.ExecuteScalarAsync(CancellationToken.None))!;
    }

    private static void Add(DbCommand command, params (string Name, object Value)[] parameters)
    {
        foreach (var (name, value) in parameters)
        {
            command.Parameters.Add(command.Parameter(name, value));
        }
    }
}
