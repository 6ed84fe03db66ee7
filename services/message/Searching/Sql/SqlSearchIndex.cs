using System.Data.Common;
using System.Globalization;
using System.Text;
using Tertulia.Contracts;
using Tertulia.Feed;
using Tertulia.Sql;

namespace Tertulia.Messages.Searching.Sql;

/// <summary>The index on SQLite or PostgreSQL: a row for each message, found by its words as the database finds them.</summary>
/// <remarks>What the tables look like has a number: an index of another number is dropped and made anew from the feed.</remarks>
/// <param name="dialect">Of the index's database.</param>
internal abstract class SqlSearchIndex(ISqlDialect dialect) : ISearchIndex
{
    private const int Version = 1;
    private const int MaxResults = 1_000;

    private readonly FeedMarks _marks = new(dialect, "search_marks", "search");

    protected ISqlDialect Dialect { get; } = dialect;

    /// <summary>Documents <c>d</c> of the rows <c>rooms</c>.</summary>
    /// <param name="count">How many rooms these are.</param>
    protected abstract string InRooms(int count);

    /// <summary>Drops the tables, if they are there.</summary>
    protected abstract string Drop { get; }

    /// <summary>Makes the tables.</summary>
    protected abstract string Create { get; }

    /// <summary>Before anything is written in a transaction.</summary>
    protected virtual Task PrepareAsync(DbCommand command) => Task.CompletedTask;

    public Task InitializeAsync(CancellationToken cancellationToken) => Dialect.TryForAsLongAsItTakesAsync(async () =>
    {
        await using var connection = await Dialect.OpenAsync();
        await using var transaction = await Dialect.BeginMigrationAsync(connection);
        await using var command = connection.CreateCommand();
        command.Transaction = transaction;
        await ExecuteAsync(command, "create table if not exists search_version (version integer not null)");
        command.CommandText = "select max(version) from search_version";
        if (await command.ExecuteScalarAsync(CancellationToken.None) is not { } found || found is DBNull || Convert.ToInt32(found, CultureInfo.InvariantCulture) != Version)
        {
            await ExecuteAsync(command, Drop + Dialect.Translate(Marks) + Dialect.Translate(Create));
            await ExecuteAsync(command, string.Create(CultureInfo.InvariantCulture, $"delete from search_version; insert into search_version (version) values ({Version})"));
        }

        await transaction.CommitAsync(CancellationToken.None);
        return true;
    }).WaitAsync(cancellationToken);

    public Task CheckAsync(CancellationToken cancellationToken) => Dialect.TryAsync(async () =>
    {
        await using var connection = await Dialect.OpenAsync();
        await using var command = connection.CreateCommand("select 1");
        await command.ExecuteScalarAsync(CancellationToken.None);
        return true;
    }, cancellationToken);

    public Task<FeedMark> ReadMarkAsync(int partition, CancellationToken cancellationToken) => _marks.ReadAsync(partition, cancellationToken);

    public async Task<FeedOutcome[]> WriteAsync(IReadOnlyList<SearchPage> pages, CancellationToken cancellationToken)
    {
        var outcomes = new FeedOutcome[pages.Count];
        if (pages.All(page => page.Batch.MayWait && page.Changes.IsEmpty))
        {
            Array.Fill(outcomes, FeedOutcome.Nothing);
            return outcomes;
        }

        return await Dialect.TryAsync(() => Dialect.WriteAsync(async command =>
        {
            await PrepareAsync(command);
            var mine = new List<SearchChanges>();
            for (var i = 0; i < outcomes.Length; i++)
            {
                outcomes[i] = await _marks.MoveAsync(command, pages[i].Batch) ? FeedOutcome.Stored : FeedOutcome.Lost;
                if (outcomes[i] == FeedOutcome.Stored)
                {
                    mine.Add(pages[i].Changes);
                }
            }

            await WriteAsync(command, new SearchChanges(
                [.. mine.SelectMany(one => one.Added)], [.. mine.SelectMany(one => one.Edited)], [.. mine.SelectMany(one => one.Removed)],
                [.. mine.SelectMany(one => one.Trimmed)]));
            return outcomes;
        }), cancellationToken);
    }

    private async Task WriteAsync(DbCommand command, SearchChanges changes)
    {
        if (changes.Removed.Count > 0)
        {
            await RemoveAsync(command, [.. changes.Removed]);
        }

        if (changes.Added.Count > 0)
        {
            await AddAsync(command, changes.Added);
        }

        if (changes.Edited.Count > 0)
        {
            await EditAsync(command, changes.Edited);
        }

        foreach (var (roomId, firstSeq) in changes.Trimmed)
        {
            await ForgetAsync(command, roomId, firstSeq);
        }
    }

    public Task<List<SearchHit>> FindAsync(
        SearchQuery query, IReadOnlyCollection<string>? roomIds, SearchRange range, int limit, CancellationToken cancellationToken) => Dialect.TryAsync(async () =>
    {
        await using var connection = await Dialect.OpenAsync();
        await using var command = connection.CreateCommand();
        var conditions = new StringBuilder();
        Add("d.place < @place", ("place", Math.Min(range.Place, query.BeforeMs is { } before ? SearchPlaces.FirstOf(before) : long.MaxValue)));
        if (range.Seq < long.MaxValue)
        {
            Add("d.seq < @seq", ("seq", range.Seq));
        }

        if (query.FromMs is { } from)
        {
            Add("d.place >= @from", ("from", SearchPlaces.FirstOf(from)));
        }

        if (query.From is { } user)
        {
            Add("(d.user_id = @user or d.user_name = @name)", ("user", user));
            command.Parameters.Add(command.Parameter("name", SearchFollower.NameOf(user)));
        }

        if (query.HasLink)
        {
            conditions.Append(" and d.has_link");
        }

        if (roomIds is not null)
        {
            conditions.Append(" and ").Append(InRooms(roomIds.Count));
            Dialect.AddRows(command, "rooms", [.. roomIds]);
        }

        command.Parameters.Add(command.Parameter("limit", Math.Min(limit, MaxResults)));
        if (query.Terms.Count > 0)
        {
            command.Parameters.Add(command.Parameter("query", Match(query.Terms)));
        }

        command.CommandText = Select(hasTerms: query.Terms.Count > 0, conditions.ToString());
        var hits = new List<SearchHit>();
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        while (await reader.ReadAsync(CancellationToken.None))
        {
            hits.Add(new SearchHit(reader.GetInt64(0), reader.GetString(1), reader.GetString(2)));
        }

        return hits;

        void Add(string condition, (string Name, object Value) parameter)
        {
            conditions.Append(conditions.Length > 0 ? " and " : "").Append(condition);
            command.Parameters.Add(command.Parameter(parameter.Name, parameter.Value));
        }
    }, cancellationToken);

    public Task ForgetAsync(string roomId, long beforeSeq, CancellationToken cancellationToken) => Dialect.TryAsync(() => Dialect.WriteAsync(async command =>
    {
        await ForgetAsync(command, roomId, beforeSeq);
        return true;
    }), cancellationToken);

    public Task ForgetNameAsync(string roomId, string userId, long afterSeq, long toSeq, CancellationToken cancellationToken) => Dialect.TryAsync(
        () => Dialect.WriteAsync(async command =>
        {
            command.Parameters.Add(command.Parameter("room", roomId));
            command.Parameters.Add(command.Parameter("user", userId));
            command.Parameters.Add(command.Parameter("after", afterSeq));
            command.Parameters.Add(command.Parameter("to", toSeq));
            await ExecuteAsync(
                command, "update search_documents set user_name = '' where room_id = @room and user_id = @user and seq > @after and seq <= @to and user_name <> ''");
            return true;
        }), cancellationToken);

    public Task ClearAsync(CancellationToken cancellationToken) => Dialect.TryForAsLongAsItTakesAsync(() => Dialect.WriteAsync(async command =>
    {
        await ExecuteAsync(command, "delete from search_marks");
        await ClearAsync(command);
        return true;
    })).WaitAsync(cancellationToken);

    public abstract ValueTask DisposeAsync();

    /// <summary>place, room_id, message_id of what matches, the newest first, at most <c>@limit</c>.</summary>
    /// <param name="hasTerms"><c>@query</c> is to match.</param>
    /// <param name="conditions">On the documents <c>d</c>.</param>
    protected abstract string Select(bool hasTerms, string conditions);

    /// <summary>What is looked for, in the words of the database.</summary>
    protected abstract string Match(IReadOnlyList<SearchTerm> terms);

    /// <summary>A message's words as they are given to the database.</summary>
    protected abstract string TextOf(IReadOnlyList<string> words);

    /// <summary>Adds messages, each at <see cref="SearchPlaces.Of"/> or the next place that is free. What the index has of one of them goes: a feed that is followed
    /// again brings it again, and another one after the store went back.</summary>
    protected abstract Task AddAsync(DbCommand command, IReadOnlyCollection<SearchDocument> documents);

    /// <summary>Removes messages by room and seq.</summary>
    protected abstract Task RemoveAsync(DbCommand command, IReadOnlyList<(string RoomId, long Seq)> messages);

    /// <summary>Statements that remove the messages of <c>@room</c> from before <c>@seq</c>.</summary>
    protected abstract IReadOnlyList<string> Forget { get; }

    /// <summary>Replaces the words of messages that are there.</summary>
    protected abstract Task EditAsync(DbCommand command, IReadOnlyCollection<SearchEdit> edits);

    /// <summary>Removes all documents.</summary>
    protected abstract Task ClearAsync(DbCommand command);

    protected static async Task ExecuteAsync(DbCommand command, string sql)
    {
        command.CommandText = sql;
        await command.ExecuteNonQueryAsync(CancellationToken.None);
        command.Parameters.Clear();
    }

    protected static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    protected static string Flag(bool flag) => flag ? "1" : "0";

    private const string Marks = """
        create table search_marks (
            follower {id} not null, partition integer not null, epoch text not null, owner_epoch bigint not null, flush bigint not null, entry integer not null,
            primary key (follower, partition)
        ) {clustered};
        """;

    private async Task ForgetAsync(DbCommand command, string roomId, long beforeSeq)
    {
        foreach (var sql in Forget)
        {
            command.Parameters.Add(command.Parameter("room", roomId));
            command.Parameters.Add(command.Parameter("seq", beforeSeq));
            await ExecuteAsync(command, sql);
        }
    }
}
