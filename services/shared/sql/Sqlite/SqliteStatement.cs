using System.Text;
using SQLitePCL;

namespace Tertulia.Sql;

/// <summary>A prepared statement, bound and run again and again.</summary>
/// <remarks>Straight on the C interface: ADO.NET finds every parameter by its name again for every row, and a flush has hundreds of rows.</remarks>
public sealed class SqliteStatement : IDisposable
{
    private readonly sqlite3 _database;
    private readonly sqlite3_stmt _statement;
    private byte[] _utf8 = new byte[4096];

    /// <param name="database">Whose statement it is.</param>
    /// <param name="sql">One statement with <c>?</c> for its parameters.</param>
    public SqliteStatement(sqlite3 database, string sql)
    {
        _database = database;
        Check(raw.sqlite3_prepare_v2(database, sql, out _statement));
    }

    /// <param name="index">From 1.</param>
    public void Bind(int index, string value)
    {
        if (value.Length == 0)
        {
            Check(raw.sqlite3_bind_text(_statement, index, "")); // An empty span would be bound as null.
            return;
        }

        if (Encoding.UTF8.GetMaxByteCount(value.Length) > _utf8.Length)
        {
            _utf8 = new byte[Encoding.UTF8.GetMaxByteCount(value.Length)];
        }

        Check(raw.sqlite3_bind_text(_statement, index, new ReadOnlySpan<byte>(_utf8, 0, Encoding.UTF8.GetBytes(value, _utf8))));
    }

    /// <inheritdoc cref="Bind(int, string)" path="/param"/>
    public void Bind(int index, long value) => Check(raw.sqlite3_bind_int64(_statement, index, value));

    /// <inheritdoc cref="Bind(int, string)" path="/param"/>
    public void Bind(int index, ReadOnlySpan<byte> value) =>
        Check(value.IsEmpty ? raw.sqlite3_bind_zeroblob(_statement, index, 0) : raw.sqlite3_bind_blob(_statement, index, value));

    /// <exception cref="SqliteFailureException">SQLite's error; the statement can be used again.</exception>
    public void Run()
    {
        _ = Step();
        Check(raw.sqlite3_reset(_statement));
    }

    /// <summary>Runs it up to its first row.</summary>
    /// <returns>The row's first column, as an integer; null when there is no row.</returns>
    /// <inheritdoc cref="Run" path="/exception"/>
    public long? Scalar()
    {
        long? value = Step() ? raw.sqlite3_column_int64(_statement, 0) : null;
        Check(raw.sqlite3_reset(_statement));
        return value;
    }

    /// <inheritdoc />
    public void Dispose() => _statement.Dispose();

    private bool Step()
    {
        var result = raw.sqlite3_step(_statement);
        if (result is not (raw.SQLITE_DONE or raw.SQLITE_ROW))
        {
            var failure = Failure(result);
            raw.sqlite3_reset(_statement); // Repeats the step's error: that one is kept.
            throw failure;
        }

        return result == raw.SQLITE_ROW;
    }

    private void Check(int result)
    {
        if (result != raw.SQLITE_OK)
        {
            throw Failure(result);
        }
    }

    private SqliteFailureException Failure(int result) => new(result, raw.sqlite3_extended_errcode(_database));
}

/// <summary>An error of the C interface.</summary>
/// <param name="code">Primary result code (https://www.sqlite.org/rescode.html).</param>
/// <param name="extendedCode">Extended result code.</param>
public sealed class SqliteFailureException(int code, int extendedCode) : Exception($"SQLite error {code} ({extendedCode})")
{
    private const int UniqueViolated = 2067; // SQLITE_CONSTRAINT_UNIQUE
    private const int PrimaryKeyViolated = 1555; // SQLITE_CONSTRAINT_PRIMARYKEY

    /// <summary>The row is there already.</summary>
    public bool IsDuplicate => extendedCode is UniqueViolated or PrimaryKeyViolated;

    /// <summary>The store will never take this row.</summary>
    public bool IsRejected => (code & 0xFF) is raw.SQLITE_CONSTRAINT or raw.SQLITE_TOOBIG or raw.SQLITE_MISMATCH;
}
