using System.Data.Common;
using System.Globalization;
using System.Reflection;

namespace Tertulia.Sql;

/// <summary>A service's schema: numbered files, of all databases and of one (<c>0003-….sqlite.sql</c>), each applied once.</summary>
/// <remarks>They are embedded resources named after the file without <c>.sql</c>. Services that share a database have tables of their own.</remarks>
/// <param name="assembly">Whose resources they are.</param>
/// <param name="table">Where the applied ones are noted.</param>
public sealed class SqlMigrations(Assembly assembly, string table)
{
    /// <summary>Applies what is missing, in one transaction.</summary>
    /// <param name="dialect">Of the database.</param>
    /// <param name="afterEach">For what no statement can do, after the migration of a number.</param>
    /// <param name="atEnd">In the same transaction, whatever was missing.</param>
    public async Task<T> UpdateAsync<T>(ISqlDialect dialect, Func<int, DbCommand, Task> afterEach, Func<DbCommand, Task<T>> atEnd)
    {
        await using var connection = await dialect.OpenAsync();
        await using var transaction = await dialect.BeginMigrationAsync(connection);
        await using var command = connection.CreateCommand();
        command.Transaction = transaction;

        await ExecuteAsync(command, $"create table if not exists {table} (version integer primary key, name text not null)");
        var applied = await ReadVersionsAsync(command);
        foreach (var (version, name, sql) in Files(dialect.Name))
        {
            if (applied.Contains(version))
            {
                continue;
            }

            await ExecuteAsync(command, dialect.Translate(sql));
            await afterEach(version, command);
            command.Parameters.Add(command.Parameter("version", version));
            command.Parameters.Add(command.Parameter("name", name));
            await ExecuteAsync(command, $"insert into {table} (version, name) values (@version, @name)");
            command.Parameters.Clear();
        }

        var result = await atEnd(command);
        await transaction.CommitAsync(CancellationToken.None);
        return result;
    }

    /// <inheritdoc cref="UpdateAsync{T}(ISqlDialect, Func{int, DbCommand, Task}, Func{DbCommand, Task{T}})"/>
    public Task UpdateAsync(ISqlDialect dialect) => UpdateAsync(dialect, (_, _) => Task.CompletedTask, _ => Task.FromResult(true));

    private static async Task ExecuteAsync(DbCommand command, string sql)
    {
        command.CommandText = sql;
        await command.ExecuteNonQueryAsync(CancellationToken.None);
    }

    private async Task<HashSet<int>> ReadVersionsAsync(DbCommand command)
    {
        command.CommandText = $"select version from {table}";
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        var versions = new HashSet<int>();
        while (await reader.ReadAsync(CancellationToken.None))
        {
            versions.Add(reader.GetInt32(0));
        }

        return versions;
    }

    private IEnumerable<(int Version, string Name, string Sql)> Files(string dialect)
    {
        var names = assembly.GetManifestResourceNames().Where(
            name => char.IsAsciiDigit(name[0]) && (Path.GetExtension(name) is "" || Path.GetExtension(name) == "." + dialect));
        foreach (var name in names.Order(StringComparer.Ordinal))
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
            yield return (int.Parse(name.AsSpan(0, 4), CultureInfo.InvariantCulture), name, reader.ReadToEnd());
        }
    }
}
