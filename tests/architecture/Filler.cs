using System.Collections;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Tertulia.Architecture.Tests;

/// <summary>Makes messages in which nothing is left at its default.</summary>
internal sealed class Filler
{
    private const int MaxDepth = 6;

    private int _next;

    /// <summary>How many messages it takes until every member of every oneof, at any depth, was in one.</summary>
    public static int Variants(MessageDescriptor message) => Variants(message, 0);

    /// <param name="message">What to make.</param>
    /// <param name="variant">Chooses the member of each oneof.</param>
    public IMessage Make(MessageDescriptor message, int variant) => Make(message, variant, 0);

    /// <summary>The fields that are set in this variant.</summary>
    public static IEnumerable<FieldDescriptor> FieldsOf(MessageDescriptor message, int variant) =>
        message.Fields.InFieldNumberOrder().Where(field =>
            field.RealContainingOneof is not { } oneof || oneof.Fields[variant % oneof.Fields.Count] == field);

    private static int Variants(MessageDescriptor message, int depth)
    {
        if (depth > MaxDepth)
        {
            return 1;
        }

        var own = message.RealOneofCount == 0 ? 1 : message.Oneofs.Max(oneof => oneof.Fields.Count);
        var below = message.Fields.InFieldNumberOrder().Where(field => field.FieldType == FieldType.Message)
            .Select(field => Variants(field.MessageType, depth + 1)).DefaultIfEmpty(1).Max();
        return own * below; // As digits of a number: every member above meets every member below.
    }

    private IMessage Make(MessageDescriptor message, int variant, int depth)
    {
        var made = (IMessage)Activator.CreateInstance(message.ClrType)!;
        if (depth > MaxDepth)
        {
            return made;
        }

        var own = message.RealOneofCount == 0 ? 1 : message.Oneofs.Max(oneof => oneof.Fields.Count);
        foreach (var field in FieldsOf(message, variant))
        {
            Set(made, field, variant / own, depth);
        }

        return made;
    }

    private void Set(IMessage message, FieldDescriptor field, int variant, int depth)
    {
        if (field.IsMap)
        {
            var map = (IDictionary)field.Accessor.GetValue(message);
            for (var i = 0; i < 2; i++)
            {
                map.Add(Value(field.MessageType.FindFieldByNumber(1), variant, depth), Value(field.MessageType.FindFieldByNumber(2), variant, depth));
            }
        }
        else if (field.IsRepeated)
        {
            var list = (IList)field.Accessor.GetValue(message);
            list.Add(Value(field, variant, depth));
            list.Add(Value(field, variant + 1, depth));
        }
        else
        {
            field.Accessor.SetValue(message, Value(field, variant, depth));
        }
    }

    // Values that no other field has, so that two fields that were mixed up differ; large ones, so that a narrower type would show.
    private object Value(FieldDescriptor field, int variant, int depth)
    {
        var n = ++_next;
        return field.FieldType switch
        {
            FieldType.String => $"texto-ñ-{n}",
            FieldType.Bytes => ByteString.CopyFrom([0, 255, (byte)n, (byte)(n >> 8)]),
            FieldType.Bool => true,
            FieldType.Double => n + 0.5,
            FieldType.Float => n + 0.5f,
            FieldType.Int32 or FieldType.SInt32 or FieldType.SFixed32 => int.MinValue + n,
            FieldType.UInt32 or FieldType.Fixed32 => uint.MaxValue - (uint)n,
            FieldType.Int64 or FieldType.SInt64 or FieldType.SFixed64 => long.MinValue + n,
            FieldType.UInt64 or FieldType.Fixed64 => ulong.MaxValue - (ulong)n,
            FieldType.Enum => Enum.ToObject(field.EnumType.ClrType, field.EnumType.Values[1 + (n % (field.EnumType.Values.Count - 1))].Number),
            FieldType.Message => Make(field.MessageType, variant, depth + 1),
            _ => throw new NotSupportedException($"{field.FullName} is a {field.FieldType}"),
        };
    }
}
