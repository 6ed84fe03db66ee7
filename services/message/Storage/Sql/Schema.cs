using System.Data.Common;
using System.Security.Cryptography;

namespace Tertulia.Messages.Storage.Sql;

/// <summary>The numbered files of <c>Migrations/</c>, and the database's epoch.</summary>
internal static class Schema
{
    // RFC 4648 base32 in lower case; 8 characters are 40 random bits.
    private const string EpochAlphabet = "abcdefghijklmnopqrstuvwxyz234567";
    private const int EpochLength = 8;

    private static readonly SqlMigrations Migrations = new(typeof(Schema).Assembly, "schema_migrations");

    /// <summary>A name that no other epoch has.</summary>
    public static string NewEpoch() => RandomNumberGenerator.GetString(EpochAlphabet, EpochLength);

    /// <summary>Applies what is missing, in one transaction, and returns the epoch.</summary>
    public static Task<string> UpdateAsync(IMessageDialect dialect) => Migrations.UpdateAsync(
        dialect,
        (version, command) => version switch
        {
            MessageBackfill.Version => MessageBackfill.RunAsync(dialect, command),
            RetentionBackfill.Version => RetentionBackfill.RunAsync(command),
            _ => Task.CompletedTask,
        },
        EpochAsync);

    private static async Task<string> EpochAsync(DbCommand command)
    {
        command.Parameters.Add(command.Parameter("epoch", NewEpoch()));
        command.CommandText = "insert into meta (key, value) values ('epoch', @epoch) on conflict do nothing";
        await command.ExecuteNonQueryAsync(CancellationToken.None);
        command.Parameters.Clear();
        command.CommandText = "select value from meta where key = 'epoch'";
        return (string)(await command.ExecuteScalarAsync(CancellationToken.None))!;
    }
}
