"""The other side of the interop tests: the service of echo.proto, served or called with grpcio.

  peer.py serve SOCKET   serves until its standard input ends; says "ready" when it listens
  peer.py call TARGET    calls every method in every way; a failure ends it with a traceback
"""

import sys
import threading
from concurrent import futures

try:
    import grpc
except ImportError:
    sys.exit("Missing Debian package python3-grpcio: apt-get install python3-grpcio")
try:
    from google.protobuf.wrappers_pb2 import StringValue
except ImportError:
    sys.exit("Missing Debian package python3-protobuf: apt-get install python3-protobuf")

SERVICE = "tertulia.feed.tests.Echo"
FAILURE_DETAIL = "100 % ñandú \U0001F426\nsecond line"
EVERY_BYTE = bytes(range(256))
PATIENCE_SECONDS = 20

encode = StringValue.SerializeToString
decode = StringValue.FromString


def text(value):
    return StringValue(value=value)


class Echo:
    """Serves what echo.proto promises."""

    def __init__(self):
        self._ended = {}
        self._lock = threading.Lock()

    def handler(self):
        return grpc.method_handlers_generic_handler(SERVICE, {
            "One": grpc.unary_unary_rpc_method_handler(self.one, decode, encode),
            "Collect": grpc.stream_unary_rpc_method_handler(self.collect, decode, encode),
            "Split": grpc.unary_stream_rpc_method_handler(self.split, decode, encode),
            "Converse": grpc.stream_stream_rpc_method_handler(self.converse, decode, encode),
        })

    def one(self, request, context):
        self._return_metadata(context)
        return text(self._answer(request.value, context))

    def collect(self, requests, context):
        return text(" ".join(request.value for request in requests))

    def split(self, request, context):
        self._return_metadata(context)
        for part in request.value.split(" "):
            action, _, name = part.partition(":")
            if action == "wait" and name:  # Before anything is answered: a call that ends at once does not come to waiting.
                context.add_callback(self._ended_event(name).set)
        for part in request.value.split(" "):
            yield text(self._answer(part, context))

    def converse(self, requests, context):
        for request in requests:
            yield text(request.value.upper())

    def _return_metadata(self, context):
        returned = [(key, value) for key, value in context.invocation_metadata() if key in ("x-text", "x-bytes-bin")]
        context.send_initial_metadata(returned)
        context.set_trailing_metadata(returned)

    def _answer(self, value, context):
        action, _, name = value.partition(":")
        if value == "fail":
            context.set_trailing_metadata((("x-reason", "asked to"), ("x-bytes-bin", bytes([0, 127, 255]))))
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, FAILURE_DETAIL)
        if action == "wait" and name:
            cancelled = threading.Event()
            if context.add_callback(cancelled.set):
                cancelled.wait()
            self._ended_event(name).set()
            return "cancelled"
        if action == "waited" and name:
            return "ended" if self._ended_event(name).wait(context.time_remaining()) else "still waiting"
        return value

    def _ended_event(self, name):
        with self._lock:
            return self._ended.setdefault(name, threading.Event())


def serve(socket_path):
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    server.add_generic_rpc_handlers((Echo().handler(),))
    server.add_insecure_port("unix:" + socket_path)
    server.start()
    print("ready", flush=True)
    sys.stdin.read()
    server.stop(None)


class Calls:
    """Calls what echo.proto promises; each method named check_... is one check."""

    def __init__(self, channel):
        path = f"/{SERVICE}/"
        self.one = channel.unary_unary(path + "One", encode, decode)
        self.collect = channel.stream_unary(path + "Collect", encode, decode)
        self.split = channel.unary_stream(path + "Split", encode, decode)
        self.converse = channel.stream_stream(path + "Converse", encode, decode)
        self.missing = channel.unary_unary(path + "Missing", encode, decode)

    def check_unary(self):
        assert self.one(text("¡Hola!"), timeout=PATIENCE_SECONDS).value == "¡Hola!"

    def check_long_message(self):
        long = "abcdefghij" * 20_000
        assert self.one(text(long), timeout=PATIENCE_SECONDS).value == long

    def check_client_stream(self):
        parts = (text(part) for part in ("one", "two", "three"))
        assert self.collect(parts, timeout=PATIENCE_SECONDS).value == "one two three"

    def check_server_stream(self):
        parts = self.split(text("one two three"), timeout=PATIENCE_SECONDS)
        assert [part.value for part in parts] == ["one", "two", "three"]

    def check_duplex_stream(self):
        answered = threading.Semaphore(1)

        def requests():
            for part in ("one", "two"):
                answered.acquire()
                yield text(part)

        received = []
        for response in self.converse(requests(), timeout=PATIENCE_SECONDS):
            received.append(response.value)
            answered.release()
        assert received == ["ONE", "TWO"]

    def check_metadata(self):
        sent = (("x-text", "some text"), ("x-bytes-bin", EVERY_BYTE))
        _, call = self.one.with_call(text("Hola"), metadata=sent, timeout=PATIENCE_SECONDS)
        for received in (dict(call.initial_metadata()), dict(call.trailing_metadata())):
            assert received["x-text"] == "some text", received
            assert received["x-bytes-bin"] == EVERY_BYTE, received

    def check_failure(self):
        error = self._error(lambda: self.one(text("fail"), timeout=PATIENCE_SECONDS))
        assert error.code() == grpc.StatusCode.FAILED_PRECONDITION, error
        assert error.details() == FAILURE_DETAIL, error
        trailers = dict(error.trailing_metadata())
        assert trailers["x-reason"] == "asked to", trailers
        assert trailers["x-bytes-bin"] == bytes([0, 127, 255]), trailers

    def check_failure_within_stream(self):
        call = self.split(text("one fail two"), timeout=PATIENCE_SECONDS)
        assert next(call).value == "one"
        assert self._error(lambda: next(call)).code() == grpc.StatusCode.FAILED_PRECONDITION

    def check_deadline(self):
        error = self._error(lambda: self.one(text("wait:deadline"), timeout=0.3))
        assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
        assert self.one(text("waited:deadline"), timeout=PATIENCE_SECONDS).value == "ended"

    def check_cancellation(self):
        call = self.split(text("one wait:cancel"), timeout=PATIENCE_SECONDS)
        assert next(call).value == "one"
        call.cancel()
        assert call.code() == grpc.StatusCode.CANCELLED, call
        assert self.one(text("waited:cancel"), timeout=PATIENCE_SECONDS).value == "ended"

    def check_compression(self):
        long = "a" * 10_000
        response, call = self.one.with_call(text(long), compression=grpc.Compression.Gzip, timeout=PATIENCE_SECONDS)
        assert response.value == long
        assert dict(call.initial_metadata())["x-request-encoding"] == "gzip", call.initial_metadata()

    def check_unimplemented(self):
        error = self._error(lambda: self.missing(text(""), timeout=PATIENCE_SECONDS))
        assert error.code() == grpc.StatusCode.UNIMPLEMENTED, error

    @staticmethod
    def _error(call):
        try:
            call()
        except grpc.RpcError as error:
            return error
        raise AssertionError("the call did not fail")


def call(target):
    # A proxy of the environment is not for a server on this machine.
    with grpc.insecure_channel(target, options=(("grpc.enable_http_proxy", 0),)) as channel:
        calls = Calls(channel)
        for name in [name for name in dir(calls) if name.startswith("check_")]:
            print(name, flush=True)
            getattr(calls, name)()


if __name__ == "__main__":
    {"serve": serve, "call": call}[sys.argv[1]](sys.argv[2])
