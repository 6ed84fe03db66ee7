using Google.Protobuf.Reflection;

namespace Tertulia.Architecture.Tests;

/// <summary>All that processes of different versions must agree on, one line each, sorted.</summary>
internal static class WireSurface
{
    public static IReadOnlyList<string> Lines() =>
    [
        .. Contract.Messages.SelectMany(Fields)
            .Concat(Contract.Files.SelectMany(file => file.EnumTypes).Concat(Contract.Messages.SelectMany(message => message.EnumTypes)).SelectMany(Values))
            .Concat(Contract.Files.SelectMany(file => file.Services).SelectMany(Methods))
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>What a line is about: the part before the equals sign.</summary>
    public static string Subject(string line) => line[..line.IndexOf(" = ", StringComparison.Ordinal)];

    private static IEnumerable<string> Fields(MessageDescriptor message) =>
        message.Fields.InFieldNumberOrder().Select(field => $"{field.FullName} = {field.FieldNumber} {Type(field)}{Oneof(field)}")
            .DefaultIfEmpty($"{message.FullName} = (no fields)");

    private static string Type(FieldDescriptor field) => field switch
    {
        { IsMap: true } => $"map<{Type(field.MessageType.FindFieldByNumber(1))}, {Type(field.MessageType.FindFieldByNumber(2))}>",
        { IsRepeated: true } => $"repeated {Single(field)}",
        _ => Single(field),
    };

    private static string Single(FieldDescriptor field) => field.FieldType switch
    {
        FieldType.Message => field.MessageType.FullName,
        FieldType.Enum => field.EnumType.FullName,
        var type => type.ToString().ToLowerInvariant(),
    };

    private static string Oneof(FieldDescriptor field) => field.RealContainingOneof is { } oneof ? $" oneof {oneof.Name}" : "";

    private static IEnumerable<string> Values(EnumDescriptor type) => type.Values.Select(value => $"{type.FullName}.{value.Name} = {value.Number}");

    private static IEnumerable<string> Methods(ServiceDescriptor service) =>
        service.Methods.Select(method => $"{method.FullName} = rpc ({method.InputType.FullName}) returns ({method.OutputType.FullName})");
}
