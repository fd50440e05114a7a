"""A server on a unix socket that answers as the Docker Engine API documents. Job: what the monitor asks of one.

    async with docker_daemon(path) as daemon: ...

Source: https://docs.docker.com/reference/api/engine/version/v1.41/ (2026-11-29), ContainerList and ContainerStats.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

ID = "8dfafdbc3a40" + "0" * 52


class Daemon:
    """Its containers, by id, and how it behaves. `raw`: bytes that it answers everything with instead."""

    def __init__(self) -> None:
        self.stats: dict[str, dict[str, Any]] = {ID: stats(1_500_000_000, usage=50_000_000, inactive=20_000_000)}
        self.listed = [{"Id": ID, "Names": ["/ez-host"], "Image": "ez:1", "State": "running", "Labels": {}}]
        self.asked: list[str] = []
        self.raw: bytes | None = None
        self.silent = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer requests on one connection until it is closed."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.asked.append(head.split(b" ")[1].decode())
                if self.silent:
                    await reader.read()
                    return
                if self.raw is not None:
                    writer.write(self.raw)
                    return
                writer.write(_answer(*self._found(self.asked[-1])))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _found(self, path: str) -> tuple[int, Any]:
        if path == "/v1.41/containers/json":
            return 200, self.listed
        container = path.removeprefix("/v1.41/containers/").removesuffix("/stats?stream=false&one-shot=true")
        if container in self.stats:
            return 200, self.stats[container]
        return 404, {"message": f"No such container: {container}"}


def stats(cpu_ns: int, *, usage: int, inactive: int) -> dict[str, Any]:
    """Statistics of one container, with fields that nobody asks for."""
    return {
        "read": "2026-11-29T08:00:00.000000000Z",
        "preread": "0001-01-01T00:00:00Z",
        "pids_stats": {"current": 3, "limit": 18446744073709551615},
        "cpu_stats": {
            "cpu_usage": {"total_usage": cpu_ns, "usage_in_kernelmode": 1, "usage_in_usermode": 2},
            "system_cpu_usage": 739306590000000,
            "online_cpus": 2,
        },
        "precpu_stats": {"cpu_usage": {"total_usage": 0}},
        "memory_stats": {
            "usage": usage,
            "limit": 8_000_000_000,
            "stats": {"inactive_file": inactive, "anon": 1, "file": 2},
        },
        "networks": {
            "eth0": {"rx_bytes": 100, "tx_bytes": 10, "rx_packets": 1},
            "eth1": {"rx_bytes": 1, "tx_bytes": 2},
        },
    }


def _answer(status: int, body: Any) -> bytes:
    """In pieces, as Docker sends what it has not made whole."""
    text = msgspec.json.encode(body)
    pieces = [text[:7], text[7:]] if len(text) > 7 else [text]
    coded = b"".join(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in pieces) + b"0\r\n\r\n"
    head = f"HTTP/1.1 {status} X\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\n"
    return head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + coded


@asynccontextmanager
async def docker_daemon(path: Path) -> AsyncIterator[Daemon]:
    """Listen on `path` for the length of a `with`."""
    daemon = Daemon()
    server = await asyncio.start_unix_server(daemon.serve, path)
    try:
        yield daemon
    finally:
        server.close()
        await server.wait_closed()
