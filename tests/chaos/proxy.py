"""A socket that leads to the engine and breaks. Job: forward bytes both ways, cut each connection after some of them.

The cut falls anywhere, in mid-call and in mid-reply, so every call through here meets unknown outcomes.
"""

from __future__ import annotations

import asyncio
import contextlib
import random

import msgspec


class ProxyOptions(msgspec.Struct, frozen=True, kw_only=True):
    """`mean_bytes`: a connection lives for so many bytes, in both directions together, on average."""

    path: str
    engine: str
    seed: int
    mean_bytes: int = 20_000


def run_proxy(options: ProxyOptions) -> None:
    """Forward until killed."""
    asyncio.run(_serve(options))


async def _serve(options: ProxyOptions) -> None:
    rng = random.Random(f"proxy:{options.seed}")

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _forward(reader, writer, options.engine, 1 + int(rng.expovariate(1 / options.mean_bytes)))

    server = await asyncio.start_unix_server(forward, options.path)
    async with server:
        await server.serve_forever()


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, engine: str, bytes_to_live: int) -> None:
    left = [bytes_to_live]
    with contextlib.suppress(OSError):
        up_reader, up_writer = await asyncio.open_unix_connection(engine)
        pumps = [
            asyncio.ensure_future(_pump(reader, up_writer, left)),
            asyncio.ensure_future(_pump(up_reader, writer, left)),
        ]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        up_writer.transport.abort()
    writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, left: list[int]) -> None:
    while left[0] > 0:
        data = await reader.read(65536)
        if not data:
            return
        writer.write(data[: left[0]])
        left[0] -= len(data)
        await writer.drain()
