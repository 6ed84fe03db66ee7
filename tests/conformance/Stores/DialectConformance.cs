using System.Data.Common;

namespace Tertulia.Conformance.Stores;

/// <summary>What every service's store does through a dialect: migrations of its own, and transactions that write.</summary>
public abstract class DialectConformance : IAsyncLifetime
{
    private static readonly SqlMigrations Migrations = new(typeof(DialectConformance).Assembly, "notes_migrations");

    private protected ISqlDialect Dialect { get; private set; } = null!;

    private static CancellationToken Deadline => new CancellationTokenSource(TimeSpan.FromSeconds(60)).Token;

    public async Task InitializeAsync() => await Migrations.UpdateAsync(Dialect = await CreateAsync());

    public async Task DisposeAsync()
    {
        await Dialect.DisposeAsync();
        await DropAsync();
    }

    [Fact]
    public async Task Migrations_are_applied_once()
    {
        await InsertAsync("a", 1);

        await Migrations.UpdateAsync(Dialect);

        Assert.Equal(["a 1"], await RowsAsync());
    }

    [Fact]
    public async Task A_transaction_is_written_whole()
    {
        var written = await Dialect.WriteAsync(async command =>
        {
            command.CommandText = $"insert into notes (id, number) select id, cast(number as integer) from {Dialect.RowsTable("rows", "id", "number")} r";
            Dialect.AddRows(command, "rows", ["ñ", "b"], ["7", "8"]);
            await command.ExecuteNonQueryAsync(CancellationToken.None);
            command.Parameters.Clear();
            command.CommandText = "update notes set number = number + 1 where id = @id returning number";
            command.Parameters.Add(command.Parameter("id", "b"));
            return Convert.ToInt64(await command.ExecuteScalarAsync(CancellationToken.None), null);
        });

        Assert.Equal(9, written);
        Assert.Equal(["b 9", "ñ 7"], await RowsAsync());
    }

    [Fact]
    public async Task A_transaction_whose_work_throws_wrote_nothing_and_the_next_one_does()
    {
        await InsertAsync("a", 1);

        await Assert.ThrowsAsync<InvalidOperationException>(() => Dialect.WriteAsync<bool>(async command =>
        {
            await InsertAsync(command, "b", 2);
            throw new InvalidOperationException("enough");
        }));
        var rejected = await Assert.ThrowsAnyAsync<DbException>(() => Dialect.WriteAsync(async command =>
        {
            await InsertAsync(command, "c", 3);
            return await InsertAsync(command, "a", 4);
        }));
        await InsertAsync("d", 5);

        Assert.Equal(StoreFault.Rejected, Dialect.FaultOf(rejected));
        Assert.Equal(["a 1", "d 5"], await RowsAsync());
    }

    [Fact]
    public async Task Transactions_of_many_callers_see_each_other_one_after_the_other()
    {
        await InsertAsync("a", 0);

        await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => Dialect.WriteAsync(async command =>
        {
            command.CommandText = "update notes set number = number + 1 where id = 'a'";
            return await command.ExecuteNonQueryAsync(CancellationToken.None);
        }))).WaitAsync(Deadline);

        Assert.Equal(["a 40"], await RowsAsync());
    }

    private protected abstract Task<ISqlDialect> CreateAsync();

    private protected abstract Task DropAsync();

    private static async Task<int> InsertAsync(DbCommand command, string id, int number)
    {
        command.Parameters.Clear();
        command.CommandText = "insert into notes (id, number) values (@id, @number)";
        command.Parameters.Add(command.Parameter("id", id));
        command.Parameters.Add(command.Parameter("number", number));
        return await command.ExecuteNonQueryAsync(CancellationToken.None);
    }

    private Task InsertAsync(string id, int number) => Dialect.WriteAsync(command => InsertAsync(command, id, number));

    private async Task<List<string>> RowsAsync()
    {
        await using var connection = await Dialect.OpenAsync();
        await using var command = connection.CreateCommand("select id, number from notes order by id");
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        List<string> rows = [];
        while (await reader.ReadAsync(CancellationToken.None))
        {
            rows.Add($"{reader.GetString(0)} {reader.GetInt32(1)}");
        }

        return rows;
    }
}
