using Google.Protobuf.Reflection;
using Tertulia.Contracts;

namespace Tertulia.Architecture.Tests;

/// <summary>The contract as the generated code describes it.</summary>
internal static class Contract
{
    /// <summary>Every .proto file.</summary>
    public static IReadOnlyList<FileDescriptor> Files { get; } =
    [
        .. typeof(ErrorCatalog).Assembly.GetTypes()
            .Where(type => type.Name.EndsWith("Reflection", StringComparison.Ordinal))
            .Select(type => type.GetProperty("Descriptor")?.GetValue(null)).OfType<FileDescriptor>()
            .OrderBy(file => file.Name, StringComparer.Ordinal),
    ];

    /// <summary>Every message, nested ones too; the entries of maps are a detail of their fields.</summary>
    public static IReadOnlyList<MessageDescriptor> Messages { get; } = [.. Files.SelectMany(file => file.MessageTypes).SelectMany(WithNested)];

    private static IEnumerable<MessageDescriptor> WithNested(MessageDescriptor message) =>
        message.GetOptions()?.MapEntry == true ? [] : message.NestedTypes.SelectMany(WithNested).Prepend(message);
}
