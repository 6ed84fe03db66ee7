using SQLitePCL;
using Tertulia.Sql;

namespace Tertulia.Messages.Searching.Sql;

/// <summary>The statements that add messages to the index, prepared once for many messages of one transaction.</summary>
/// <remarks>On the writer's thread, in its transaction. Without the words: see <see cref="SqliteSearchIndex"/>.</remarks>
/// <param name="database">The connection that writes.</param>
internal sealed class SqliteSearchRows(sqlite3 database) : IDisposable
{
    private readonly SqliteStatement _insert = new(database, """
        insert into search_documents (place, room_id, seq, message_id, user_id, user_name, has_link) values (?, ?, ?, ?, ?, ?, ?)
        on conflict do nothing
        returning place
        """);

    private readonly SqliteStatement[] _remove =
    [
        new(database, "delete from search_words where rowid in (select place from search_documents where room_id = ? and seq = ?)"),
        new(database, "delete from search_documents where room_id = ? and seq = ?"),
    ];

    /// <summary>Adds a message, instead of what was there of it.</summary>
    /// <returns>Its place: where no other message is.</returns>
    public long Add(SearchDocument document)
    {
        var place = SearchPlaces.Of(document);
        if (TryInsert(place, document))
        {
            return place;
        }

        foreach (var statement in _remove)
        {
            statement.Bind(1, document.RoomId);
            statement.Bind(2, document.Seq);
            statement.Run();
        }

        while (!TryInsert(place, document))
        {
            place++;
        }

        return place;
    }

    /// <inheritdoc />
    public void Dispose()
    {
        _insert.Dispose();
        foreach (var statement in _remove)
        {
            statement.Dispose();
        }
    }

    private bool TryInsert(long place, SearchDocument document)
    {
        _insert.Bind(1, place);
        _insert.Bind(2, document.RoomId);
        _insert.Bind(3, document.Seq);
        _insert.Bind(4, document.MessageId);
        _insert.Bind(5, document.UserId);
        _insert.Bind(6, document.UserName);
        _insert.Bind(7, document.HasLink ? 1 : 0);
        return _insert.Scalar() is not null;
    }
}
