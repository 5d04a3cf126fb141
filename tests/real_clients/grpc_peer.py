"""A gRPC server, or a client that calls it in every way: unary, both streams, trailers, a status.

    grpc_peer.py serve          listens on a free port of loopback, and prints it
    grpc_peer.py call ADDRESS   exits 0 if everything came as it should
"""

import sys
import threading
from concurrent import futures

import grpc

TEXT = (str.encode, bytes.decode)  # serializer, deserializer: messages are text here, no protobuf


def serve():
    def unary(request, context):
        context.send_initial_metadata((("x-begin", "1"),))
        context.set_trailing_metadata((("x-end", request),))
        return request.upper()

    def fail(request, context):
        context.set_trailing_metadata((("x-end", "failed"),))
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not today")

    def count(request, context):
        for number in range(int(request)):
            yield str(number)

    def total(requests, context):
        return str(sum(len(request) for request in requests))

    def echo(requests, context):
        for request in requests:
            yield request

    def handler(kind, function):
        return kind(function, request_deserializer=TEXT[1], response_serializer=TEXT[0])

    handlers = {
        "Unary": handler(grpc.unary_unary_rpc_method_handler, unary),
        "Fail": handler(grpc.unary_unary_rpc_method_handler, fail),
        "Count": handler(grpc.unary_stream_rpc_method_handler, count),
        "Total": handler(grpc.stream_unary_rpc_method_handler, total),
        "Echo": handler(grpc.stream_stream_rpc_method_handler, echo),
    }
    server = grpc.server(futures.ThreadPoolExecutor(16))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Peer", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    server.wait_for_termination()


def call(address):
    channel = grpc.insecure_channel(address)
    path = "/test.Peer/"

    response, made = channel.unary_unary(path + "Unary", *TEXT).with_call("hello", timeout=10)
    assert response == "HELLO", response
    assert ("x-begin", "1") in [tuple(it) for it in made.initial_metadata()], made.initial_metadata()
    assert ("x-end", "hello") in [tuple(it) for it in made.trailing_metadata()]

    try:
        channel.unary_unary(path + "Fail", *TEXT)("x", timeout=10)
        raise AssertionError("no error")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.FAILED_PRECONDITION, error
        assert error.details() == "not today", error
        assert ("x-end", "failed") in [tuple(it) for it in error.trailing_metadata()], error

    numbers = list(channel.unary_stream(path + "Count", *TEXT)("1000", timeout=10))
    assert numbers == [str(number) for number in range(1000)]

    length = channel.stream_unary(path + "Total", *TEXT)(("x" * 10_000 for _ in range(200)), timeout=20)
    assert length == str(2_000_000), length

    # Both at once: each message waits for the answer to the one before.
    answered = threading.Semaphore(1)

    def turns():
        for turn in range(100):
            assert answered.acquire(timeout=5), "no answer"
            yield str(turn)

    seen = []
    for message in channel.stream_stream(path + "Echo", *TEXT)(turns(), timeout=20):
        seen.append(message)
        answered.release()
    assert seen == [str(turn) for turn in range(100)]

    # A call that is given up: the next ones are none the worse.
    endless = channel.unary_stream(path + "Count", *TEXT)("100000000", timeout=20)
    next(endless)
    endless.cancel()
    assert channel.unary_unary(path + "Unary", *TEXT)("still", timeout=10) == "STILL"


if __name__ == "__main__":
    serve() if sys.argv[1] == "serve" else call(sys.argv[2])
