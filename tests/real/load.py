#!/usr/bin/env python3
"""Load of GET, PUT and POST over raw sockets, which tells for each method what became of its requests.

usage: load.py PORT SECONDS CONNECTIONS

Strict: an answer counts only if it has the status that the backends give, and its body in full. Every POST
has an id of its own, by which the backends log it. Prints one line of JSON.
"""

import asyncio
import json
import random
import sys
import time

PATIENCE = 20  # seconds for one request
BODY = b"x" * 2048
# Method, share, status codes that are right, length of the right body (None: any).
MIX = [("GET", 50, {200}, 4096), ("PUT", 25, {201, 204}, None), ("POST", 25, {200}, None)]


class Failed(Exception):
    pass


def request(method, number):
    if method == "GET":
        return b"GET /index.html HTTP/1.1\r\nHost: test\r\n\r\n"
    target = f"/post?id={number}" if method == "POST" else f"/put/{number % 64}"
    head = f"{method} {target} HTTP/1.1\r\nHost: test\r\nContent-Length: {len(BODY)}\r\n\r\n"
    return head.encode() + BODY


async def answer(reader):
    """Status, length of the body, whether the connection stays."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError as error:
        raise Failed("closed before an answer" if not error.partial else "cut off") from None
    except ConnectionError:
        raise Failed("reset before an answer") from None
    lines = head.split("\r\n")
    status = int(lines[0].split(" ")[1])
    fields = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
    stays = fields.get("connection", "") != "close"
    try:
        if status == 204:
            return status, 0, stays
        if "content-length" in fields:
            body = await reader.readexactly(int(fields["content-length"]))
            return status, len(body), stays
        if "transfer-encoding" in fields:
            length = 0
            while size := int(await reader.readline(), 16):
                length += size
                await reader.readexactly(size + 2)
            await reader.readexactly(2)
            return status, length, stays
        return status, len(await reader.read()), False
    except (asyncio.IncompleteReadError, ConnectionError, ValueError):
        raise Failed("cut off") from None


class Load:
    def __init__(self, port, seconds):
        self.port = port
        self.end = time.monotonic() + seconds
        self.number = 0
        self.right = {method: 0 for method, *_ in MIX}
        self.failed = {method: {} for method, *_ in MIX}
        self.latencies = {method: [] for method, *_ in MIX}

    def fail(self, method, why):
        self.failed[method][why] = self.failed[method].get(why, 0) + 1

    async def client(self):
        connection = None
        while time.monotonic() < self.end:
            method, _, expected, length = random.choices(MIX, [share for _, share, *_ in MIX])[0]
            self.number += 1
            number, began, stays = self.number, time.monotonic(), False
            try:
                async with asyncio.timeout(PATIENCE):
                    if connection is None:
                        connection = await asyncio.open_connection("127.0.0.1", self.port)
                    reader, writer = connection
                    writer.write(request(method, number))
                    status, got, stays = await answer(reader)
                if status not in expected:
                    self.fail(method, str(status))
                elif length not in (None, got):
                    self.fail(method, "wrong body")
                else:
                    self.right[method] += 1
            except Failed as error:
                self.fail(method, str(error))
            except TimeoutError:
                self.fail(method, "no answer in time")
            except OSError:
                self.fail(method, "not connected")
            self.latencies[method].append(time.monotonic() - began)
            if not stays and connection is not None:
                connection[1].close()
                connection = None

    def report(self):
        methods = {}
        for method, *_ in MIX:
            ms = sorted(1e3 * latency for latency in self.latencies[method]) or [0.0]
            methods[method] = {
                "requests": self.right[method] + sum(self.failed[method].values()),
                "failed": self.failed[method],
                "waited": sum(1 for latency in ms if latency >= 1000),
                "p50": ms[len(ms) // 2],
                "p99": ms[len(ms) * 99 // 100],
                "max": ms[-1],
            }
        return methods


async def main():
    port, seconds, connections = (int(argument) for argument in sys.argv[1:])
    load = Load(port, seconds)
    await asyncio.gather(*(load.client() for _ in range(connections)))
    print(json.dumps(load.report()))


asyncio.run(main())
