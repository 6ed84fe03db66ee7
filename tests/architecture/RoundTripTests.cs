using System.Collections;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Tertulia.Contracts;

namespace Tertulia.Architecture.Tests;

/// <summary>What is put into a message comes out at the other end, every field of it.</summary>
public sealed class RoundTripTests
{
    /// <summary>Bodies of what crosses the broker.</summary>
    private static readonly MessageDescriptor[] Bodies = [SubmitBatch.Descriptor, NodeBatch.Descriptor, PresenceReport.Descriptor, ReplicaHeartbeat.Descriptor];

    public static TheoryData<string> Messages => [.. Contract.Messages.Select(message => message.FullName)];

    [Theory]
    [MemberData(nameof(Messages))]
    public void Every_field_of_every_message_survives(string name)
    {
        var message = Contract.Messages.Single(message => message.FullName == name);
        var filler = new Filler();
        for (var variant = 0; variant < Filler.Variants(message); variant++)
        {
            var sent = filler.Make(message, variant);
            var received = message.Parser.ParseFrom(sent.ToByteArray());

            Assert.Equal(sent, received);
            Assert.All(Filler.FieldsOf(message, variant), field => Assert.True(IsSet(received, field), $"{field.FullName} is lost"));
        }
    }

    [Fact]
    public void Everything_that_the_bodies_of_the_broker_reach_is_among_them()
    {
        var reached = new HashSet<string>(StringComparer.Ordinal);
        foreach (var body in Bodies)
        {
            Reach(body, reached);
        }

        Assert.Empty(reached.Except(Contract.Messages.Select(message => message.FullName)));
        Assert.All(["tertulia.v1.SendMessage", "tertulia.v1.Refusal", "tertulia.v1.Typing", "tertulia.v1.PresentConnection"], name => Assert.Contains(name, reached));
    }

    private static void Reach(MessageDescriptor message, HashSet<string> reached)
    {
        if (reached.Add(message.FullName))
        {
            foreach (var field in message.Fields.InFieldNumberOrder().Where(field => field.FieldType == FieldType.Message && !field.IsMap))
            {
                Reach(field.MessageType, reached);
            }
        }
    }

    private static bool IsSet(IMessage message, FieldDescriptor field) => field.Accessor.GetValue(message) switch
    {
        null => false,
        ICollection collection => collection.Count == 2,
        string text => text.Length > 0,
        ByteString bytes => bytes.Length > 0,
        IMessage => true,
        var number => !number.Equals(Activator.CreateInstance(number.GetType())),
    };
}
