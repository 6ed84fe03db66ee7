using System.Data.Common;

namespace Tertulia.Sql;

/// <summary>Parameters by name, for both drivers.</summary>
public static class DbCommands
{
    /// <summary>A parameter that is not yet added.</summary>
    public static DbParameter Parameter(this DbCommand command, string name, object value)
    {
        var parameter = command.CreateParameter();
        parameter.ParameterName = name;
        parameter.Value = value;
        return parameter;
    }

    /// <summary>A command with its parameters.</summary>
    public static DbCommand CreateCommand(this DbConnection connection, string sql, params ReadOnlySpan<(string Name, object Value)> parameters)
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        foreach (var (name, value) in parameters)
        {
            command.Parameters.Add(command.Parameter(name, value));
        }

        return command;
    }
}
