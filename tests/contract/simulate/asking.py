"""HTTP by hand. Job: send bytes, and tell what came back and whether it was whole. Not its job: any dialect."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

import h11
import msgspec

KEY = {"authorization": "Bearer sk-test", "anthropic-version": "2023-06-01"}
PATHS = {"messages": "/v1/messages", "responses": "/v1/responses", "chat": "/v1/chat/completions"}
_WITHIN_S = 60.0


class Heard(msgspec.Struct, kw_only=True):
    """What came back. `whole`: the answer ended as HTTP says it must."""

    status: int = 0
    headers: dict[str, str] = {}
    body: bytes = b""
    whole: bool = False

    def json(self) -> Any:
        """The body."""
        return msgspec.json.decode(self.body)

    def events(self) -> list[tuple[str, str]]:
        """Server-sent events, name and data."""
        found = []
        for block in self.body.decode().split("\n\n")[:-1]:
            lines = dict(line.split(": ", 1) for line in block.split("\n"))
            found.append((lines.get("event", ""), lines["data"]))
        return found


def body_of(dialect: str, prompt: str = "hello", *, stream: bool = False, **fields: Any) -> dict[str, Any]:
    """A request of this dialect."""
    asking: dict[str, Any] = {"messages": [{"role": "user", "content": prompt}]}
    base: dict[str, dict[str, Any]] = {
        "messages": {"model": "claude-sonnet-5-5", "max_tokens": 10_000, **asking},
        "responses": {"model": "gpt-6.1-sol", "store": False, "input": prompt},
        "chat": {"model": "deepseek-flash", **asking},
    }
    return base[dialect] | ({"stream": True} if stream else {}) | fields


async def ask(
    url: str, dialect: str, prompt: str = "hello", *, headers: dict[str, str] | None = None, **fields: Any
) -> Heard:
    """Send a request of this dialect."""
    body = msgspec.json.encode(body_of(dialect, prompt, **fields))
    return await send(url, "POST", PATHS[dialect], KEY | (headers or {}), body)


async def send(url: str, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Heard:
    """Send any request, and hear the answer to its end."""
    http = h11.Connection(h11.CLIENT)
    given = [("host", "sim"), ("connection", "close"), ("content-length", str(len(body))), *headers.items()]
    sent = http.send(h11.Request(method=method, target=path, headers=given)) or b""
    sent += (http.send(h11.Data(data=body)) or b"") if body else b""
    sent += http.send(h11.EndOfMessage()) or b""
    reader, writer = await dial(url)
    try:
        writer.write(sent)
        async with asyncio.timeout(_WITHIN_S):
            return await _hear(http, reader)
    finally:
        writer.close()
        await writer.wait_closed()


def head_of(dialect: str, body: bytes, *headers: str) -> bytes:
    """The head of a request with this body, for those who write it themselves."""
    lines = [f"POST {PATHS[dialect]} HTTP/1.1", "host: sim", f"content-length: {len(body)}", *headers]
    lines += [f"{name}: {value}" for name, value in KEY.items()]
    return "\r\n".join([*lines, "", ""]).encode()


async def raw(url: str, data: bytes) -> bytes:
    """Send bytes that may be no HTTP at all, and return all that comes back."""
    reader, writer = await dial(url)
    try:
        writer.write(data)
        writer.write_eof()
        async with asyncio.timeout(_WITHIN_S):
            return await reader.read(-1)
    finally:
        writer.close()


async def dial(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the server."""
    address = urlsplit(url)
    return await asyncio.open_connection(address.hostname, address.port)


async def _hear(http: h11.Connection, reader: asyncio.StreamReader) -> Heard:
    heard = Heard()
    while True:
        try:
            event = http.next_event()
        except h11.RemoteProtocolError:
            return heard
        if event is h11.NEED_DATA:
            try:
                http.receive_data(await reader.read(65536))
            except ConnectionError:
                return heard
        elif isinstance(event, h11.Response):
            heard.status = event.status_code
            heard.headers = {name.decode(): value.decode() for name, value in event.headers}
        elif isinstance(event, h11.Data):
            heard.body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            heard.whole = True
            return heard
        elif isinstance(event, h11.ConnectionClosed):
            return heard
