"""A kept connection to a site that costs the one who measures little. Job: bytes out, one answer back, in turn.

Not its job: what is asked (the benches). It reads what our own server sends: a head with a content-length.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)


class KeptLine(asyncio.Protocol):
    """One connection; `ask` sends a whole request and waits for its answer."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._read = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._read += data
        end = self._read.find(b"\r\n\r\n")
        if end < 0 or self._answer is None:
            return
        length = _LENGTH.search(self._read, 0, end)
        whole = end + 4 + (int(length[1]) if length else 0)
        if len(self._read) >= whole:
            status, body = int(self._read[9:12]), bytes(self._read[end + 4 : whole])
            del self._read[:whole]
            self._answer.set_result((status, body))
            self._answer = None

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("the site ended the connection"))

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and body of the answer."""
        assert self._answer is None
        if self._transport is None:
            raise ConnectionError("the site ended the connection")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.abort()


@asynccontextmanager
async def kept_lines(port: int, count: int) -> AsyncIterator[list[KeptLine]]:
    """So many connections."""
    loop = asyncio.get_running_loop()
    lines = [(await loop.create_connection(KeptLine, "127.0.0.1", port))[1] for _ in range(count)]
    try:
        yield lines
    finally:
        for line in lines:
            line.close()


def request(port: int, token: str, method: str, path: str, body: bytes = b"", *more: str) -> bytes:
    """The bytes of a request. `more`: further header lines."""
    head = [
        f"{method} {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        f"Authorization: Bearer {token}",
        *(["Content-Type: application/json", f"Content-Length: {len(body)}"] if body else []),
        *more,
    ]
    return "\r\n".join([*head, "", ""]).encode() + body


def port_of(pid: int) -> int:
    """The port that a process listens on."""
    inodes = set()
    for path in Path(f"/proc/{pid}/fd").iterdir():
        if found := re.fullmatch(r"socket:\[(\d+)\]", str(path.readlink())):
            inodes.add(found[1])
    for line in Path(f"/proc/{pid}/net/tcp").read_text("ascii").splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and fields[9] in inodes:
            return int(fields[1].rpartition(":")[2], 16)
    raise RuntimeError("the host listens nowhere")
