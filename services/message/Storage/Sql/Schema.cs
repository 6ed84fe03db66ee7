using System.Data.Common;
using System.Globalization;
using System.Reflection;
using System.Security.Cryptography;

namespace Tertulia.Messages.Storage.Sql;

/// <summary>The numbered files of <c>Migrations/</c>, of all databases and of this one, each applied once, and the database's epoch.</summary>
internal static class Schema
{
    // RFC 4648 base32 in lower case; 8 characters are 40 random bits.
    private const string EpochAlphabet = "abcdefghijklmnopqrstuvwxyz234567";
    private const int EpochLength = 8;

    /// <summary>A name that no other epoch has.</summary>
    public static string NewEpoch() => RandomNumberGenerator.GetString(EpochAlphabet, EpochLength);

    /// <summary>Applies what is missing, in one transaction, and returns the epoch.</summary>
    public static async Task<string> UpdateAsync(ISqlDialect dialect)
    {
        await using var connection = await dialect.OpenAsync();
        await using var transaction = await dialect.BeginMigrationAsync(connection);
        await using var command = connection.CreateCommand();
        command.Transaction = transaction;

        await ExecuteAsync(
            command, "create table if not exists schema_migrations (version integer primary key, name text not null)");
        var applied = await ReadVersionsAsync(command);
        foreach (var (version, name, sql) in Migrations(dialect.Name))
        {
            if (applied.Contains(version))
            {
                continue;
            }

            await ExecuteAsync(command, dialect.Translate(sql));
            if (version == MessageBackfill.Version)
            {
                await MessageBackfill.RunAsync(dialect, command);
            }

            command.Parameters.Add(command.Parameter("version", version));
            command.Parameters.Add(command.Parameter("name", name));
            await ExecuteAsync(command, "insert into schema_migrations (version, name) values (@version, @name)");
            command.Parameters.Clear();
        }

        command.Parameters.Add(command.Parameter("epoch", NewEpoch()));
        await ExecuteAsync(command, "insert into meta (key, value) values ('epoch', @epoch) on conflict do nothing");
        command.Parameters.Clear();
        command.CommandText = "select value from meta where key = 'epoch'";
        var epoch = (string)(await command.ExecuteScalarAsync(CancellationToken.None))!;
        await transaction.CommitAsync(CancellationToken.None);
        return epoch;
    }

    private static async Task ExecuteAsync(DbCommand command, string sql)
    {
        command.CommandText = sql;
        await command.ExecuteNonQueryAsync(CancellationToken.None);
    }

    private static async Task<HashSet<int>> ReadVersionsAsync(DbCommand command)
    {
        command.CommandText = "select version from schema_migrations";
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        var versions = new HashSet<int>();
        while (await reader.ReadAsync(CancellationToken.None))
        {
            versions.Add(reader.GetInt32(0));
        }

        return versions;
    }

    private static IEnumerable<(int Version, string Name, string Sql)> Migrations(string dialect)
    {
        var assembly = Assembly.GetExecutingAssembly();
        var names = assembly.GetManifestResourceNames().Where(
            name => char.IsAsciiDigit(name[0]) && (Path.GetExtension(name) is "" || Path.GetExtension(name) == "." + dialect));
        foreach (var name in names.Order(StringComparer.Ordinal))
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
            yield return (int.Parse(name.AsSpan(0, 4), CultureInfo.InvariantCulture), name, reader.ReadToEnd());
        }
    }
}
