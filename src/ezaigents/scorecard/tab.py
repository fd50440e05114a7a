"""An open tab of the dashboard on the wire. Job: ask what the page's script asks, and count the bytes both ways.

No browser: its own headers would be longer, which makes asking dearer than it is counted here. What is counted begins
after the page was loaded: the stream it listens to, or the page's live part every five seconds with its entity tag.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ezaigents.scorecard.samples import TabTraffic

_POLL_S = 5.0
"""As in `dashboard/static/app.js`."""
_PIECE = 65536
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
_TAG = re.compile(rb"\r\netag: ([^\r]+)", re.IGNORECASE)


async def watch_tab(port: int, token: str, window_s: float) -> TabTraffic:
    """Have one tab open for a while, on its first page."""
    async with _line(port) as (reader, writer):
        _, body = await _ask(reader, writer, _request(port, token, "/", "accept-encoding: identity"))
    if b'data-push="off"' in body:
        return await _asking(port, token, window_s)
    return await _listening(port, token, window_s)


async def _listening(port: int, token: str, window_s: float) -> TabTraffic:
    async with _line(port) as (reader, writer):
        writer.write(_request(port, token, "/api/events", "accept: text/event-stream"))
        await reader.readuntil(b"\n\n\r\n")  # the first piece: when to come back
        began_s, received = time.monotonic(), 0
        while (left_s := began_s + window_s - time.monotonic()) > 0:
            try:
                async with asyncio.timeout(left_s):
                    piece = await reader.read(_PIECE)
            except TimeoutError:
                break
            if not piece:
                raise ConnectionError("the site ended the stream")
            received += len(piece)
        took_s = time.monotonic() - began_s
    return TabTraffic(pushed=True, window_s=took_s, sent_bytes=0, received_bytes=received, requests=0)


async def _asking(port: int, token: str, window_s: float) -> TabTraffic:
    tag = b""
    sent = received = requests = 0
    async with _line(port) as (reader, writer):
        began_s = time.monotonic()
        while time.monotonic() < began_s + window_s:
            known = [f"if-none-match: {tag.decode('ascii')}"] if tag else []
            request = _request(port, token, "/", "hx-request: true", "accept-encoding: gzip", *known)
            head, body = await _ask(reader, writer, request)
            tag = found[1] if (found := _TAG.search(head)) else tag
            sent, received, requests = sent + len(request), received + len(head) + len(body), requests + 1
            await asyncio.sleep(max(0.0, min(_POLL_S, began_s + window_s - time.monotonic())))
        took_s = time.monotonic() - began_s
    return TabTraffic(pushed=False, window_s=took_s, sent_bytes=sent, received_bytes=received, requests=requests)


@asynccontextmanager
async def _line(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> tuple[bytes, bytes]:
    """The head and the body of an answer that tells its length."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = _LENGTH.search(head)
    return head, await reader.readexactly(int(length[1])) if length else b""


def _request(port: int, token: str, path: str, *more: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", f"host: 127.0.0.1:{port}", f"authorization: Bearer {token}", *more]
    return "\r\n".join([*lines, "", ""]).encode()
