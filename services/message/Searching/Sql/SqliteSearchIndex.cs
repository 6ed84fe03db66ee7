using System.Data.Common;
using Microsoft.Data.Sqlite;
using Tertulia.Sql;

namespace Tertulia.Messages.Searching.Sql;

/// <summary>SQLite: FTS5 (https://www.sqlite.org/fts5.html) in a file of its own, so that it never holds up an append.</summary>
/// <remarks>The words are folded already: the tokenizer only finds them again. The words themselves are not kept, only where they are.</remarks>
/// <param name="dialect">Of the file; belongs to the index.</param>
internal sealed class SqliteSearchIndex(SqliteDialect dialect) : SqlSearchIndex(dialect)
{
    private const int FewRooms = 64;

    protected override string Drop => "drop table if exists search_marks; drop table if exists search_documents; drop table if exists search_words;";

    protected override string Create => """
        create table search_documents (
            place integer primary key,
            room_id text not null,
            seq integer not null,
            message_id text not null,
            user_id text not null,
            user_name text not null,
            has_link integer not null,
            unique (room_id, seq)
        );
        create virtual table search_words using fts5(words, content='', contentless_delete=1, tokenize="unicode61 remove_diacritics 0", prefix='2 3');
        """;

    protected override IReadOnlyList<string> Forget { get; } =
    [
        "delete from search_words where rowid in (select place from search_documents where room_id = @room and seq < @seq)",
        "delete from search_documents where room_id = @room and seq < @seq",
    ];

    public override ValueTask DisposeAsync() => Dialect.DisposeAsync();

    // The words are walked from the newest on, and no further than the page needs.
    protected override string Select(bool hasTerms, string conditions) => hasTerms
        ? $"""
          select d.place, d.room_id, d.message_id
          from search_words w
          cross join search_documents d on d.place = w.rowid
          where search_words match @query and w.rowid < @place and {conditions}
          order by w.rowid desc limit @limit
          """
        : $"select d.place, d.room_id, d.message_id from search_documents d where {conditions} order by d.place desc limit @limit";

    // Without words the messages of a few rooms are looked at, found by room, or those of all rooms from the newest on: the plus keeps the index by room out.
    protected override string InRooms(int count) => $"{(count > FewRooms ? "+" : "")}d.room_id in (select room_id from {Dialect.RowsTable("rooms", "room_id")} r)";

    protected override string Match(IReadOnlyList<SearchTerm> terms) =>
        string.Join(" AND ", terms.Select(term => $"\"{string.Join(' ', term.Words)}\"{(term.IsPrefix ? " *" : "")}"));

    protected override string TextOf(IReadOnlyList<string> words) => string.Join(' ', words);

    // The documents row by row: as JSON they are copied five times on their way. Not the words: at the end of each statement FTS5 writes out what it has in memory.
    protected override Task AddAsync(DbCommand command, IReadOnlyCollection<SearchDocument> documents)
    {
        var places = new List<string>(documents.Count);
        using (var rows = new SqliteSearchRows(((SqliteConnection)command.Connection!).Handle!))
        {
            foreach (var document in documents)
            {
                places.Add(Text(rows.Add(document)));
            }
        }

        Dialect.AddRows(command, "documents", [.. places], [.. documents.Select(document => TextOf(document.Words))]);
        return ExecuteAsync(command, $"insert into search_words (rowid, words) select cast(place as integer), words from {Dialect.RowsTable("documents", "place", "words")}");
    }

    protected override async Task RemoveAsync(DbCommand command, IReadOnlyList<(string RoomId, long Seq)> messages)
    {
        foreach (var table in (string[])["search_words where rowid", "search_documents where place"])
        {
            Dialect.AddRows(command, "gone", [.. messages.Select(message => message.RoomId)], [.. messages.Select(message => Text(message.Seq))]);
            await ExecuteAsync(command, $"delete from {table} in {Places("gone")}");
        }
    }

    protected override async Task EditAsync(DbCommand command, IReadOnlyCollection<SearchEdit> edits)
    {
        AddKeys();
        await ExecuteAsync(command, $"delete from search_words where rowid in {Places("edits")}");
        AddKeys();
        Dialect.AddRows(command, "texts", [.. edits.Select(edit => edit.RoomId)], [.. edits.Select(edit => Text(edit.Seq))], [.. edits.Select(edit => TextOf(edit.Words))]);
        await ExecuteAsync(command, $"""
            insert into search_words (rowid, words)
            select d.place, t.words from {Dialect.RowsTable("texts", "room_id", "seq", "words")} t
            join search_documents d on d.room_id = t.room_id and d.seq = cast(t.seq as integer)
            """);
        Dialect.AddRows(command, "links", [.. edits.Select(edit => edit.RoomId)], [.. edits.Select(edit => Text(edit.Seq))], [.. edits.Select(edit => Flag(edit.HasLink))]);
        await ExecuteAsync(command, $"""
            update search_documents set has_link = cast(l.has_link as integer)
            from {Dialect.RowsTable("links", "room_id", "seq", "has_link")} l
            where search_documents.room_id = l.room_id and search_documents.seq = cast(l.seq as integer)
            """);

        void AddKeys() => Dialect.AddRows(command, "edits", [.. edits.Select(edit => edit.RoomId)], [.. edits.Select(edit => Text(edit.Seq))]);
    }

    protected override Task ClearAsync(DbCommand command) => ExecuteAsync(command, "insert into search_words (search_words) values ('delete-all'); delete from search_documents");

    private string Places(string parameter) => $"""
        (select d.place from {Dialect.RowsTable(parameter, "room_id", "seq")} k
         join search_documents d on d.room_id = k.room_id and d.seq = cast(k.seq as integer))
        """;
}
