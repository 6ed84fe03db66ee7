using System.Data.Common;
using System.Globalization;
using System.Text;
using Tertulia.Sql;

namespace Tertulia.Messages.Searching.Sql;

/// <summary>PostgreSQL: a text search vector for each message, with an inverted index (https://www.postgresql.org/docs/current/textsearch.html).</summary>
/// <remarks>Vectors and queries are written as such and not parsed from text: what a word is does not depend on the database's locale.</remarks>
/// <param name="dialect">Of the message store's database; not the index's own.</param>
internal sealed class PostgresSearchIndex(ISqlDialect dialect) : SqlSearchIndex(dialect)
{
    private const int MaxPosition = 16_383; // Of a vector.

    // What a crash of the server takes is read from the feed again: marks and documents are of one transaction.
    protected override Task PrepareAsync(DbCommand command) => ExecuteAsync(command, "set local synchronous_commit = off");

    protected override string Drop => "drop table if exists search_marks; drop table if exists search_documents;";

    protected override string Create => """
        create table search_documents (
            place bigint primary key,
            room_id text collate "C" not null,
            seq bigint not null,
            message_id text not null,
            user_id text collate "C" not null,
            user_name text not null,
            has_link boolean not null,
            words tsvector not null,
            unique (room_id, seq)
        );
        create index search_documents_by_words on search_documents using gin (words);
        create index search_documents_by_room on search_documents (room_id, place);
        create index search_documents_by_user on search_documents (user_id, place);
        """;

    protected override IReadOnlyList<string> Forget { get; } = ["delete from search_documents where room_id = @room and seq < @seq"];

    // An array is looked up in a hash table; a join with it may compare each document with each room.
    protected override string InRooms(int count) => "d.room_id = any(@rooms0)";

    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;

    protected override string Select(bool hasTerms, string conditions) => $"""
        select d.place, d.room_id, d.message_id from search_documents d
        where {conditions}{(hasTerms ? " and d.words @@ cast(@query as tsquery)" : "")}
        order by d.place desc limit @limit
        """;

    protected override string Match(IReadOnlyList<SearchTerm> terms) => string.Join(" & ", terms.Select(term =>
        $"({string.Join(" <-> ", term.Words.Select((word, i) => $"'{word}'{(term.IsPrefix && i == term.Words.Count - 1 ? ":*" : "")}"))})"));

    protected override string TextOf(IReadOnlyList<string> words)
    {
        var text = new StringBuilder();
        for (var i = 0; i < words.Count; i++)
        {
            text.Append(CultureInfo.InvariantCulture, $"'{words[i]}':{Math.Min(i + 1, MaxPosition)} ");
        }

        return text.ToString();
    }

    protected override async Task AddAsync(DbCommand command, IReadOnlyCollection<SearchDocument> documents)
    {
        var waiting = documents.Select(document => (Place: SearchPlaces.Of(document), Document: document)).ToList();
        for (var attempt = 1; waiting.Count > 0; attempt++)
        {
            var inserted = await InsertAsync(command, waiting);
            var isFirst = attempt == 1;
            waiting = [.. waiting.Where(row => !inserted.Contains((row.Document.RoomId, row.Document.Seq))).Select(row => (isFirst ? row.Place : row.Place + 1, row.Document))];
            if (isFirst && waiting.Count > 0)
            {
                await RemoveAsync(command, [.. waiting.Select(row => (row.Document.RoomId, row.Document.Seq))]);
            }
        }
    }

    protected override Task RemoveAsync(DbCommand command, IReadOnlyList<(string RoomId, long Seq)> messages)
    {
        Dialect.AddRows(command, "gone", [.. messages.Select(message => message.RoomId)], [.. messages.Select(message => Text(message.Seq))]);
        return ExecuteAsync(command, $"""
            delete from search_documents d using {Dialect.RowsTable("gone", "room_id", "seq")} k
            where d.room_id = k.room_id and d.seq = cast(k.seq as bigint)
            """);
    }

    protected override Task EditAsync(DbCommand command, IReadOnlyCollection<SearchEdit> edits)
    {
        Dialect.AddRows(command, "edits",
            [.. edits.Select(edit => edit.RoomId)], [.. edits.Select(edit => Text(edit.Seq))],
            [.. edits.Select(edit => TextOf(edit.Words))], [.. edits.Select(edit => Flag(edit.HasLink))]);
        return ExecuteAsync(command, $"""
            update search_documents d set words = cast(e.words as tsvector), has_link = e.has_link = '1'
            from {Dialect.RowsTable("edits", "room_id", "seq", "words", "has_link")} e
            where d.room_id = e.room_id and d.seq = cast(e.seq as bigint)
            """);
    }

    protected override Task ClearAsync(DbCommand command) => ExecuteAsync(command, "delete from search_documents");

    /// <returns>Room and seq of those that were not there, and whose place was free.</returns>
    private async Task<HashSet<(string, long)>> InsertAsync(DbCommand command, List<(long Place, SearchDocument Document)> rows)
    {
        Dialect.AddRows(command, "documents",
            [.. rows.Select(row => Text(row.Place))], [.. rows.Select(row => row.Document.RoomId)], [.. rows.Select(row => Text(row.Document.Seq))],
            [.. rows.Select(row => row.Document.MessageId)], [.. rows.Select(row => row.Document.UserId)], [.. rows.Select(row => row.Document.UserName)],
            [.. rows.Select(row => Flag(row.Document.HasLink))], [.. rows.Select(row => TextOf(row.Document.Words))]);
        command.CommandText = $"""
            insert into search_documents (place, room_id, seq, message_id, user_id, user_name, has_link, words)
            select cast(place as bigint), room_id, cast(seq as bigint), message_id, user_id, user_name, has_link = '1', cast(words as tsvector)
            from {Dialect.RowsTable("documents", "place", "room_id", "seq", "message_id", "user_id", "user_name", "has_link", "words")} r
            on conflict do nothing
            returning room_id, seq
            """;
        var inserted = new HashSet<(string, long)>();
        await using (var reader = await command.ExecuteReaderAsync(CancellationToken.None))
        {
            while (await reader.ReadAsync(CancellationToken.None))
            {
                inserted.Add((reader.GetString(0), reader.GetInt64(1)));
            }
        }

        command.Parameters.Clear();
        return inserted;
    }
}
