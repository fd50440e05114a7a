"""One engine client, measured from inside a fresh process: `python -m bench.engine_client NAME SOCKET`.

Job: one JSON object: memory when one connection is open, calls a second, and what cancelled calls leave behind.
Loads nothing but asyncio before the client, so that what it adds to the memory is seen.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

Call = Callable[..., Awaitable[Any]]
_SEQUENTIAL = 5_000
_AT_ONCE = 256
_PER_CALLER = 40
_CANCELLED = 50
_SCRIPT = "return ARGV[1]"
_BUSY = "local t = redis.call('TIME')[2]; for i = 1, 1e7 do local x = i * 2 end; return t"
"""Keeps the engine busy for some 50 ms, so that the calls behind it are under way when they are cancelled."""


async def _ours(socket: str) -> Call:
    from ezaigents.engine import Address, Connection

    connection = Connection(Address(path=socket))
    await connection.open()
    return connection.call


async def _valkey(socket: str) -> Call:
    from valkey.asyncio import Valkey

    client: Any = Valkey(unix_socket_path=socket, protocol=3)
    await client.ping()
    call: Call = client.execute_command
    return call


async def _redis(socket: str) -> Call:
    from redis.asyncio import Redis

    client: Any = Redis(unix_socket_path=socket, protocol=3)
    await client.ping()
    call: Call = client.execute_command
    return call


CLIENTS = {"ours": _ours, "valkey": _valkey, "redis": _redis}


def _rss_bytes() -> int:
    with open("/proc/self/smaps_rollup", encoding="ascii") as file:  # noqa: PTH123 - pathlib would count
        return sum(int(line.split()[1]) * 1024 for line in file if line.startswith("Rss:"))


async def _connections(call: Call) -> int:
    """How many the engine has open; a client's own way to answer INFO is a dict."""
    text = await call("INFO", "clients")
    if isinstance(text, dict):
        return int(text["connected_clients"])
    return int(text.decode().split("connected_clients:")[1].split()[0])


async def _sequential_per_s(call: Call, digest: bytes) -> float:
    began_s = time.perf_counter()
    for _ in range(_SEQUENTIAL):
        await call("EVALSHA", digest, 1, "{ez:x}:k", "argument")
    return _SEQUENTIAL / (time.perf_counter() - began_s)


async def _at_once_per_s(call: Call, digest: bytes) -> float:
    async def caller() -> None:
        for _ in range(_PER_CALLER):
            await call("EVALSHA", digest, 1, "{ez:x}:k", "argument")

    began_s = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(_AT_ONCE)))
    return _AT_ONCE * _PER_CALLER / (time.perf_counter() - began_s)


async def _cancellation(call: Call) -> dict[str, object]:
    """Cancel calls under way, then ask as many others and compare each answer with its question."""
    before = await _connections(call)
    busy = asyncio.ensure_future(call("EVAL", _BUSY, 0))
    await asyncio.sleep(0)
    calls = [asyncio.ensure_future(call("ECHO", f"cancelled {number}")) for number in range(_CANCELLED)]
    await asyncio.sleep(0.01)
    under_way = sum(not task.done() for task in calls)
    for task in calls:
        task.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    await busy
    await asyncio.sleep(0.1)
    dropped = before - await _connections(call)
    later = await asyncio.gather(
        *(call("ECHO", f"later {number}") for number in range(_CANCELLED)), return_exceptions=True
    )
    wrong = sum(answer != f"later {number}".encode() for number, answer in enumerate(later))
    return {"cancelled_under_way": under_way, "wrong_answers_after": wrong, "connections_dropped": dropped}


async def _measure(name: str, socket: str) -> dict[str, object]:
    bare_bytes = _rss_bytes()
    call = await CLIENTS[name](socket)
    open_bytes = _rss_bytes()
    digest = await call("SCRIPT", "LOAD", _SCRIPT)
    sequential_per_s = await _sequential_per_s(call, digest)
    at_once_per_s = await _at_once_per_s(call, digest)
    # Its pool is as wide now as it will be: cancelled calls need no new connections.
    cancellation = await _cancellation(call)
    return {
        "bare_rss_bytes": bare_bytes,
        "open_rss_bytes": open_bytes,
        "after_rss_bytes": _rss_bytes(),
        "sequential_per_s": sequential_per_s,
        "at_once_per_s": at_once_per_s,
        **cancellation,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(_measure(sys.argv[1], sys.argv[2]))) + "\n")
