"""A WebSocket server that echoes, or a client that tries it.

    websocket_peer.py serve          listens on a free port of loopback, and prints it
    websocket_peer.py call ADDRESS   exits 0 if everything came as it should
"""

import asyncio
import sys

import websockets


async def serve():
    async def echo(socket, path=None):
        async for message in socket:
            if message == "close":
                await socket.close(4001, "as you wish")
                return
            await socket.send(message)

    # What is no WebSocket is answered, so that probes pass.
    async def plain(path, headers):
        if "upgrade" not in headers:
            return 200, [], b"here\n"

    async with websockets.serve(echo, "127.0.0.1", 0, max_size=None, process_request=plain) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


async def call(address):
    async with websockets.connect(f"ws://{address}/chat", max_size=None) as socket:
        for message in ("hello", "ü" * 1000, b"\x00\xff" * 500_000):
            await socket.send(message)
            assert await asyncio.wait_for(socket.recv(), 10) == message
        await asyncio.wait_for(await socket.ping(), 10)
        await socket.send("close")
        try:
            await asyncio.wait_for(socket.recv(), 10)
            raise AssertionError("still open")
        except websockets.ConnectionClosed as closed:
            assert (closed.code, closed.reason) == (4001, "as you wish"), closed


if __name__ == "__main__":
    asyncio.run(serve() if sys.argv[1] == "serve" else call(sys.argv[2]))
