using System.Data.Common;

namespace Tertulia.Messages.Storage.Sql;

/// <summary>Lists that are read page by page.</summary>
internal static class SqlLists
{
    /// <summary>One page.</summary>
    /// <param name="dialect">The database's.</param>
    /// <param name="sql">Selects one row more than <c>@count</c>.</param>
    /// <param name="limit">Items at most.</param>
    /// <param name="read">Makes an item of a row.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <param name="parameters">Of the statement, beside <c>@count</c>.</param>
    public static Task<Listed<T>> ListAsync<T>(
        this ISqlDialect dialect, string sql, int limit, Func<DbDataReader, T> read, CancellationToken cancellationToken, params (string, object)[] parameters) =>
        dialect.TryAsync(async () =>
    {
        await using var connection = await dialect.OpenAsync();
        await using var command = connection.CreateCommand(sql, [.. parameters, ("count", limit)]);
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        var items = new List<T>();
        while (await reader.ReadAsync(CancellationToken.None))
        {
            if (items.Count == limit)
            {
                return new Listed<T>(items, HasMore: true);
            }

            items.Add(read(reader));
        }

        return new Listed<T>(items, HasMore: false);
    }, cancellationToken);
}
