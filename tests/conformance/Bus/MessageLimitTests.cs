using Google.Protobuf.WellKnownTypes;
using Microsoft.Extensions.Logging.Abstractions;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using Tertulia.Bus.RabbitMq;

namespace Tertulia.Conformance.Bus;

public sealed class MessageLimitTests
{
    private readonly MessageLimit _limit = new(1_000_000, NullLogger.Instance);

    [Fact]
    public void A_broker_that_refuses_without_saying_its_limit_takes_less_than_the_largest_that_was_on_the_channel()
    {
        _limit.OnClosed(Closed(406, "PRECONDITION_FAILED - too big for us"), largestUnconfirmed: 60_000);

        Assert.Equal(59_999, _limit.Bytes);
        Assert.NotNull(_limit.Check(Of(60_000)));
        Assert.Null(_limit.Check(Of(50_000)));
    }

    [Theory]
    [InlineData(406, "PRECONDITION_FAILED - unknown delivery tag 7", 100)]
    [InlineData(404, "NOT_FOUND - no exchange 'x'", 60_000)]
    [InlineData(320, "CONNECTION_FORCED - message size 5 larger than max size 4", 60_000)]
    [InlineData(406, "PRECONDITION_FAILED - message size 3000000 larger than max size 2000000", 60_000)]
    public void A_channel_that_was_closed_for_another_reason_says_nothing(int code, string text, int largestUnconfirmed)
    {
        _limit.OnClosed(Closed((ushort)code, text), largestUnconfirmed);

        Assert.Equal(1_000_000, _limit.Bytes);
    }

    private static ShutdownEventArgs Closed(ushort code, string text) => new(ShutdownInitiator.Peer, code, text, classId: 60, methodId: 40);

    private static Publication Of(int bytes) =>
        new(new Destination("test"), new OutgoingMessage("", "", Mandatory: false, new StringValue { Value = new string('x', bytes - 4) }));
}
